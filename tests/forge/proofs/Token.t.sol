// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Digests} from "../invariants/Digests.sol";
import {TokenPromises} from "./TokenPromises.sol";
import {both} from "./Symbolic.sol";

/// @title Each function of the token that changes anything, by its name
contract TokenProofs is TokenPromises {
    // -------------------------------------------------------------- issuing

    function check_mint(address to, uint256 points) external {
        meets(to);
        before(caller, caller);
        token.mint(to, points);
        mints(points);
        gains(to, points);
        kept();
    }

    function check_mintBatch(bytes32[] calldata entries, uint256 total) external {
        _meetAll(entries);
        before(caller, caller);
        token.mintBatch(entries, total);
        mints(total);
        _gain(entries);
        kept();
    }

    function check_cashOut(uint256 points, address to) external {
        meets(caller);
        before(caller, caller);
        token.cashOut(points, to);
        cashesOut(points);
        loses(caller, points);
        kept();
    }

    // -------------------------------------------------------------- sending

    function check_transfer(address to, uint256 value) external {
        meets(caller);
        meets(to);
        before(caller, caller);
        token.transfer(to, value);
        loses(caller, value);
        gains(to, value);
        kept();
    }

    function check_transferFrom(address from, address to, uint256 value) external {
        spender = caller;
        meets(from);
        meets(to);
        before(from, from);
        token.transferFrom(from, to, value);
        loses(from, value);
        gains(to, value);
        if (from == who && value <= allowanceBefore()) agreed = value;
        kept();
    }

    function check_transferBatch(bytes32[] calldata entries, uint256 total) external {
        meets(caller);
        _meetAll(entries);
        before(caller, caller);
        token.transferBatch(entries, total);
        loses(caller, total);
        _gain(entries);
        kept();
    }

    function check_approve(address to, uint256 value) external {
        meets(caller);
        before(caller, caller);
        token.approve(to, value);
        kept();
    }

    // -------------------------------------------------------- signed orders

    function check_permit(address owner, address to, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        meets(owner);
        before(owner, owner);
        token.permit(owner, to, value, deadline, v, r, s);
        bytes32 order = Digests.permit(owner, to, value, nonceBefore(), deadline);
        bytes32 digest = Digests.digest(domain, order);
        bool word = both(due(owner, nonceBefore(), deadline), ecrecover(digest, v, r, s) == owner);
        permitted = both(word, to == spender);
        agree(word, 0);
        kept();
    }

    function check_transferBySig(
        address holder,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        meets(holder);
        meets(to);
        before(holder, holder);
        token.transferBySig(holder, to, amount, nonce, deadline, signature);
        loses(holder, amount);
        gains(to, amount);
        bytes32 order = Digests.transfer("Transfer", holder, to, amount, nonce, deadline);
        agree(both(due(holder, nonce, deadline), signed(domain, holder, order, signature)), amount);
        kept();
    }

    function check_cashOutBySig(
        address holder,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        meets(holder);
        before(holder, holder);
        token.cashOutBySig(holder, to, amount, nonce, deadline, signature);
        cashesOut(amount);
        loses(holder, amount);
        bytes32 order = Digests.transfer("CashOut", holder, to, amount, nonce, deadline);
        agree(both(due(holder, nonce, deadline), signed(domain, holder, order, signature)), amount);
        kept();
    }

    function check_receiveOne(
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes32 witness,
        string calldata witnessType,
        bytes calldata signature
    ) external {
        meets(holder);
        meets(caller);
        before(holder, holder);
        token.receiveOne(holder, amount, nonce, deadline, witness, witnessType, signature);
        loses(holder, amount);
        gains(caller, amount);
        bytes32 order = Digests.payment(witnessType, witness, holder, caller, amount, nonce, deadline);
        agree(both(due(holder, nonce, deadline), signed(domain, holder, order, signature)), amount);
        kept();
    }

    function check_receiveBatch(
        ILoyaltyToken.Payment[] calldata payments,
        bytes32[] calldata witnesses,
        string calldata witnessType
    ) external {
        address a = payments.length > 0 ? payments[0].holder : caller;
        address b = payments.length > 1 ? payments[1].holder : caller;
        meets(a);
        meets(b);
        meets(caller);
        before(a, b);
        (uint256 paid, uint256 total) = token.receiveBatch(payments, witnesses, witnessType);
        uint256 sum;
        for (uint256 i = 0; i < payments.length; ++i) {
            if (paid & (1 << i) == 0) continue;
            ILoyaltyToken.Payment calldata p = payments[i];
            unchecked {
                sum += p.amount;
            }
            if (p.holder != who) continue;
            bytes32 order =
                Digests.payment(witnessType, witnesses[i], p.holder, caller, p.amount, p.nonce, p.deadline);
            agree(both(due(p.holder, p.nonce, p.deadline), signed(domain, p.holder, order, p.r, p.vs)), p.amount);
            loses(p.holder, p.amount);
        }
        gains(caller, sum);
        keeps(4, total == sum); // What the payee is told.
        kept();
    }

    function check_cancel() external {
        meets(caller);
        before(caller, caller);
        token.cancel();
        kept();
    }

    function _meetAll(bytes32[] calldata entries) private {
        for (uint256 i = 0; i < entries.length; ++i) {
            meets(address(bytes20(entries[i])));
        }
    }

    function _gain(bytes32[] calldata entries) private {
        for (uint256 i = 0; i < entries.length; ++i) {
            gains(address(bytes20(entries[i])), uint96(uint256(entries[i])));
        }
    }
}
