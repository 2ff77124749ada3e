// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The EIP-712 structs that holders sign
/// @dev Every type string of both contracts stands here; tests/vectors/eip712.json holds the same as literals.
library Orders {
    /// @dev `cancel` raises a nonce by this: farther than any queue of orders signed ahead reaches.
    uint256 internal constant CANCEL_STEP = 1 << 16;

    // --------------------------------------------------------- LoyaltyToken

    bytes32 internal constant TRANSFER =
        keccak256("Transfer(address holder,address to,uint256 amount,uint256 nonce,uint256 deadline)");
    bytes32 internal constant CASH_OUT =
        keccak256("CashOut(address holder,address to,uint256 amount,uint256 nonce,uint256 deadline)");

    /// @dev A payee's witness type completes this.
    string internal constant PAYMENT_STUB =
        "Payment(address holder,address payee,uint256 amount,uint256 nonce,uint256 deadline,";

    /// @param typehash TRANSFER or CASH_OUT, which have the same fields
    function transferHash(
        bytes32 typehash,
        address holder,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(typehash, holder, to, amount, nonce, deadline));
    }

    function paymentTypehash(string memory witnessType) internal pure returns (bytes32) {
        return keccak256(bytes.concat(bytes(PAYMENT_STUB), bytes(witnessType)));
    }

    function paymentHash(
        bytes32 typehash,
        address holder,
        address payee,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes32 witness
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(typehash, holder, payee, amount, nonce, deadline, witness));
    }

    // ---------------------------------------- CampaignHub: payments' witnesses

    string internal constant ENTER_WITNESS = "Enter witness)Enter(uint256 campaign,uint256 minReceived)";
    bytes32 internal constant ENTER = keccak256("Enter(uint256 campaign,uint256 minReceived)");

    string internal constant REDEMPTION_WITNESS =
        "Redemption witness)Redemption(address merchant,bytes32 offer,bytes32 sealKey)";
    bytes32 internal constant REDEMPTION =
        keccak256("Redemption(address merchant,bytes32 offer,bytes32 sealKey)");

    function enterHash(uint256 campaign, uint256 minReceived) internal pure returns (bytes32) {
        return keccak256(abi.encode(ENTER, campaign, minReceived));
    }

    function redemptionHash(address merchant, bytes32 offer, bytes32 sealKey) internal pure returns (bytes32) {
        return keccak256(abi.encode(REDEMPTION, merchant, offer, sealKey));
    }

    // ------------------------------------------------- CampaignHub: accounts

    bytes32 internal constant LEAVE =
        keccak256("Leave(address holder,uint256 campaign,uint256 amount,uint256 nonce,uint256 deadline)");
    bytes32 internal constant MOVE = keccak256(
        "Move(address holder,uint256 from,uint256 to,uint256 amount,uint256 minReceived,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant STAY =
        keccak256("Stay(address holder,uint256 campaign,bool stay,uint256 nonce,uint256 deadline)");
    bytes32 internal constant SPEND = keccak256(
        "Spend(address holder,uint256 campaign,address merchant,uint256 amount,bytes32 offer,bytes32 sealKey,"
        "uint256 nonce,uint256 deadline)"
    );

    function leaveHash(address holder, uint256 campaign, uint256 amount, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(LEAVE, holder, campaign, amount, nonce, deadline));
    }

    function moveHash(
        address holder,
        uint256 from,
        uint256 to,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(MOVE, holder, from, to, amount, minReceived, nonce, deadline));
    }

    function stayHash(address holder, uint256 campaign, bool stay, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(STAY, holder, campaign, stay, nonce, deadline));
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
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(SPEND, holder, campaign, merchant, amount, offer, sealKey, nonce, deadline));
    }
}
