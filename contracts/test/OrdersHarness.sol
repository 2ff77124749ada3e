// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Orders} from "../libraries/Orders.sol";

/// @title Shows the typed-data hashes of the library, to hold them against tests/vectors/eip712.json
/// @dev For tests only.
contract OrdersHarness {
    function typehash(string calldata name) external pure returns (bytes32) {
        bytes32 key = keccak256(bytes(name));
        if (key == keccak256("Transfer")) return Orders.TRANSFER;
        if (key == keccak256("CashOut")) return Orders.CASH_OUT;
        if (key == keccak256("PaymentEnter")) return Orders.paymentTypehash(Orders.ENTER_WITNESS);
        if (key == keccak256("PaymentRedemption")) return Orders.paymentTypehash(Orders.REDEMPTION_WITNESS);
        if (key == keccak256("Enter")) return Orders.ENTER;
        if (key == keccak256("Redemption")) return Orders.REDEMPTION;
        if (key == keccak256("Leave")) return Orders.LEAVE;
        if (key == keccak256("Move")) return Orders.MOVE;
        if (key == keccak256("Stay")) return Orders.STAY;
        if (key == keccak256("Spend")) return Orders.SPEND;
        revert("unknown type");
    }

    function witnessTypes() external pure returns (string memory enter, string memory redemption) {
        return (Orders.ENTER_WITNESS, Orders.REDEMPTION_WITNESS);
    }

    function transferHash(address holder, address to, uint256 amount, uint256 nonce, uint256 deadline)
        external
        pure
        returns (bytes32)
    {
        return Orders.transferHash(Orders.TRANSFER, holder, to, amount, nonce, deadline);
    }

    function cashOutHash(address holder, address to, uint256 amount, uint256 nonce, uint256 deadline)
        external
        pure
        returns (bytes32)
    {
        return Orders.transferHash(Orders.CASH_OUT, holder, to, amount, nonce, deadline);
    }

    function paymentEnterHash(
        address holder,
        address payee,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        uint256 campaign,
        uint256 minReceived
    ) external pure returns (bytes32) {
        bytes32 witness = Orders.enterHash(campaign, minReceived);
        bytes32 payment = Orders.paymentTypehash(Orders.ENTER_WITNESS);
        return Orders.paymentHash(payment, holder, payee, amount, nonce, deadline, witness);
    }

    function paymentRedemptionHash(
        address holder,
        address payee,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        address merchant,
        bytes32 offer,
        bytes32 sealKey
    ) external pure returns (bytes32) {
        bytes32 witness = Orders.redemptionHash(merchant, offer, sealKey);
        bytes32 payment = Orders.paymentTypehash(Orders.REDEMPTION_WITNESS);
        return Orders.paymentHash(payment, holder, payee, amount, nonce, deadline, witness);
    }

    function enterHash(uint256 campaign, uint256 minReceived) external pure returns (bytes32) {
        return Orders.enterHash(campaign, minReceived);
    }

    function redemptionHash(address merchant, bytes32 offer, bytes32 sealKey) external pure returns (bytes32) {
        return Orders.redemptionHash(merchant, offer, sealKey);
    }

    function leaveHash(address holder, uint256 campaign, uint256 amount, uint256 nonce, uint256 deadline)
        external
        pure
        returns (bytes32)
    {
        return Orders.leaveHash(holder, campaign, amount, nonce, deadline);
    }

    function moveHash(
        address holder,
        uint256 from,
        uint256 to,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline
    ) external pure returns (bytes32) {
        return Orders.moveHash(holder, from, to, amount, minReceived, nonce, deadline);
    }

    function stayHash(address holder, uint256 campaign, bool stay, uint256 nonce, uint256 deadline)
        external
        pure
        returns (bytes32)
    {
        return Orders.stayHash(holder, campaign, stay, nonce, deadline);
    }

    function spendHash(
        address holder,
        uint256 campaign,
        address merchant,
        uint256 amount,
        bytes32 offer,
        bytes32 sealKey,
        uint256 nonce,
        uint256 deadline
    ) external pure returns (bytes32) {
        return Orders.spendHash(holder, campaign, merchant, amount, offer, sealKey, nonce, deadline);
    }

    /// @notice The digest of a struct in the domain of a contract that need not exist.
    function digest(
        string calldata name,
        string calldata version,
        uint256 chainId,
        address verifyingContract,
        bytes32 structHash
    ) external pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                verifyingContract
            )
        );
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }
}
