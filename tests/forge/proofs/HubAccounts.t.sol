// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Digests} from "../invariants/Digests.sol";
import {HubMoney} from "./HubMoney.sol";
import {HubState} from "./HubState.sol";
import {both} from "./Symbolic.sol";

/// @title What holders do with their accounts
contract HubAccountProofs is HubMoney {
    using HubState for uint256;

    // ---------------------------------------------------------------- leave

    function check_leave(uint256 id, uint256 amount) external {
        bool open = !termsOf(id).isClosed();
        touches(id, caller);
        hub.leave(id, amount);
        agrees(open, amount);
        walletGains(caller, amount);
        kept();
    }

    function check_leaveBySig(
        uint256 id,
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bool open = !termsOf(id).isClosed();
        touches(id, holder);
        hub.leaveBySig(id, holder, amount, nonce, deadline, signature);
        bool word = signed(domain, holder, Digests.leaving(holder, id, amount, nonce, deadline), signature);
        word = ordered(word, nonce, deadline);
        agrees(both(word, open), amount);
        walletGains(holder, amount);
        kept();
    }

    // ----------------------------------------------------------------- stay

    function check_setStay(uint256 id, bool stay) external {
        touches(id, caller);
        hub.setStay(id, stay);
        chooses();
        kept();
    }

    // ---------------------------------------------------------------- cancel

    function check_cancel(uint256 id) external {
        touches(id, caller);
        hub.cancel(id);
        voids();
        kept();
    }
}
