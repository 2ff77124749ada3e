// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Digests} from "../invariants/Digests.sol";
import {HubMoney} from "./HubMoney.sol";
import {HubState} from "./HubState.sol";
import {both} from "./Symbolic.sol";

/// @title What holders do with their accounts, and what anyone may do for them
contract HubAccountProofs is HubMoney {
    using HubState for uint256;

    string private constant ENTER = "Enter witness)Enter(uint256 campaign,uint256 minReceived)";

    // ---------------------------------------------------------------- enter

    function check_enter(uint256 id, uint256 amount, uint256 minReceived) external {
        noneIsAnnounced(id);
        names(id, caller);
        acts(Act.Trade, id);
        hub.enter(id, amount, minReceived);
        walletLoses(true, caller, amount);
        _arrives(true, amount, minReceived);
        kept();
    }

    function check_enterBySig(
        uint256 id,
        address holder,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        noneIsAnnounced(id);
        names(id, holder);
        acts(Act.Trade, id);
        hub.enterBySig(id, holder, amount, minReceived, nonce, deadline, signature);
        bytes32 witness = Digests.enter(id, minReceived);
        bool word =
            token.asked() == Digests.payment(ENTER, witness, holder, address(hub), amount, nonce, deadline);
        walletLoses(word, holder, amount);
        _arrives(word, amount, minReceived);
        kept();
    }

    // ---------------------------------------------------------------- leave

    function check_leave(uint256 id, uint256 amount) external {
        bool open = !termsOf(id).isClosed();
        names(id, caller);
        acts(Act.Trade, id);
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
        names(id, holder);
        acts(Act.Trade, id);
        hub.leaveBySig(id, holder, amount, nonce, deadline, signature);
        bool word = signed(domain, holder, Digests.leaving(holder, id, amount, nonce, deadline), signature);
        word = ordered(word, nonce, deadline);
        agrees(both(word, open), amount);
        walletGains(holder, amount);
        kept();
    }

    // ----------------------------------------------------------------- move

    function check_move(uint256 from, uint256 to, uint256 amount, uint256 minReceived) external {
        noneIsAnnounced(to);
        bool open = !termsOf(from).isClosed();
        names(from, caller);
        names(to, caller);
        acts(Act.Trade, to);
        hub.move(from, to, amount, minReceived);
        agrees(open, amount);
        _arrives(true, amount, minReceived);
        kept();
    }

    function check_moveBySig(
        uint256 from,
        uint256 to,
        address holder,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        noneIsAnnounced(to);
        bool open = !termsOf(from).isClosed();
        names(from, holder);
        names(to, holder);
        acts(Act.Trade, to);
        hub.moveBySig(from, to, holder, amount, minReceived, nonce, deadline, signature);
        bytes32 order = Digests.moving(holder, [from, to, amount, minReceived], nonce, deadline);
        bool word = ordered(signed(domain, holder, order, signature), nonce, deadline);
        agrees(both(word, open), amount);
        _arrives(word, amount, minReceived);
        kept();
    }

    // ------------------------------------------------------ release and stay

    function check_release(uint256 id, address[] calldata holders) external {
        _namesAll(id, holders);
        acts(Act.Release, id);
        hub.release(id, holders);
        if (holders.length > 0) walletGains(holders[0], released());
        kept();
    }

    function check_setStay(uint256 id, bool stay) external {
        names(id, caller);
        acts(Act.Trade, id);
        hub.setStay(id, stay);
        choosesToStay(true);
        kept();
    }

    function check_setStayBySig(
        uint256 id,
        address holder,
        bool stay,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        names(id, holder);
        acts(Act.Trade, id);
        hub.setStayBySig(id, holder, stay, nonce, deadline, signature);
        bool word = signed(domain, holder, Digests.staying(holder, id, stay, nonce, deadline), signature);
        choosesToStay(ordered(word, nonce, deadline));
        kept();
    }

    // ------------------------------------------------------ expire and cancel

    function check_expire(uint256 id, address[] calldata holders) external {
        _namesAll(id, holders);
        acts(Act.Expire, id);
        hub.expire(id, holders);
        kept();
    }

    function check_cancel(uint256 id) external {
        names(id, caller);
        acts(Act.Trade, id);
        hub.cancel(id);
        voids();
        kept();
    }

    // --------------------------------------------------------------- helpers

    /// @dev With what the pot paid on top, and at least what was asked for.
    function _arrives(bool word, uint256 amount, uint256 minReceived) private {
        uint256 received;
        unchecked {
            received = amount + token.totalSupply() - was.supply;
        }
        credits(both(word, received >= minReceived), received);
        choosesToStay(word);
    }

    function _namesAll(uint256 id, address[] calldata holders) private {
        for (uint256 i = 0; i < holders.length; ++i) {
            names(id, holders[i]);
        }
    }
}
