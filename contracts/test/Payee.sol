// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILoyaltyToken} from "../interfaces/ILoyaltyToken.sol";

/// @title A payee that is not the hub, and passes on whatever the test gives it
/// @dev For tests only. Also serves as a wallet (ERC-1271) that agrees to everything.
contract Payee {
    uint256 public lastPaid;
    uint256 public lastTotal;

    function receiveBatch(
        ILoyaltyToken token,
        ILoyaltyToken.Payment[] calldata payments,
        bytes32[] calldata witnesses,
        string calldata witnessType
    ) external {
        (lastPaid, lastTotal) = token.receiveBatch(payments, witnesses, witnessType);
    }

    function receiveOne(
        ILoyaltyToken token,
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes32 witness,
        string calldata witnessType,
        bytes calldata signature
    ) external {
        token.receiveOne(holder, amount, nonce, deadline, witness, witnessType, signature);
    }

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}
