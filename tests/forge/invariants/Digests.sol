// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The EIP-712 digests of all orders, from the type strings that wallets show
/// @dev Written out here and not taken from the contracts, so that a changed type is noticed.
library Digests {
    function domain(string memory name, address verifier) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
    }

    function digest(bytes32 domain_, bytes32 order) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain_, order));
    }

    /// @param kind "Transfer" or "CashOut"
    function transfer(string memory kind, address holder, address to, uint256 amount, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        string memory fields = "(address holder,address to,uint256 amount,uint256 nonce,uint256 deadline)";
        return keccak256(abi.encode(keccak256(abi.encodePacked(kind, fields)), holder, to, amount, nonce, deadline));
    }

    function permit(address holder, address spender, uint256 value, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        return keccak256(abi.encode(typehash, holder, spender, value, nonce, deadline));
    }

    function payment(
        string memory witnessType,
        bytes32 witness,
        address holder,
        address payee,
        uint256 amount,
        uint256 nonce,
        uint256 deadline
    ) internal pure returns (bytes32) {
        string memory stub = "Payment(address holder,address payee,uint256 amount,uint256 nonce,uint256 deadline,";
        bytes32 typehash = keccak256(abi.encodePacked(stub, witnessType));
        return keccak256(abi.encode(typehash, holder, payee, amount, nonce, deadline, witness));
    }

    function enter(uint256 id, uint256 minReceived) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Enter(uint256 campaign,uint256 minReceived)"), id, minReceived));
    }

    function redemption(address merchant, bytes32 offer, bytes32 sealKey) internal pure returns (bytes32) {
        bytes32 typehash = keccak256("Redemption(address merchant,bytes32 offer,bytes32 sealKey)");
        return keccak256(abi.encode(typehash, merchant, offer, sealKey));
    }

    function leaving(address holder, uint256 id, uint256 amount, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typehash =
            keccak256("Leave(address holder,uint256 campaign,uint256 amount,uint256 nonce,uint256 deadline)");
        return keccak256(abi.encode(typehash, holder, id, amount, nonce, deadline));
    }

    function staying(address holder, uint256 id, bool stay, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typehash =
            keccak256("Stay(address holder,uint256 campaign,bool stay,uint256 nonce,uint256 deadline)");
        return keccak256(abi.encode(typehash, holder, id, stay, nonce, deadline));
    }

    /// @param route from, to, amount, minReceived
    function moving(address holder, uint256[4] memory route, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        string memory fields =
            "Move(address holder,uint256 from,uint256 to,uint256 amount,uint256 minReceived,uint256 nonce,uint256 deadline)";
        return keccak256(
            abi.encode(keccak256(bytes(fields)), holder, route[0], route[1], route[2], route[3], nonce, deadline)
        );
    }

    /// @param what offer, sealing key
    function spending(
        address holder,
        uint256 id,
        address merchant,
        uint256 amount,
        bytes32[2] memory what,
        uint256 nonce,
        uint256 deadline
    ) internal pure returns (bytes32) {
        bytes32 typehash = keccak256(
            "Spend(address holder,uint256 campaign,address merchant,uint256 amount,bytes32 offer,bytes32 sealKey,uint256 nonce,uint256 deadline)"
        );
        return keccak256(
            bytes.concat(
                abi.encode(typehash, holder, id, merchant, amount), abi.encode(what[0], what[1], nonce, deadline)
            )
        );
    }
}
