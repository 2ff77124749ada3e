// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A wallet that is a contract: its one key signs for it (ERC-1271) and sends for it
/// @dev For tests only.
contract ContractWallet is IERC1271 {
    address public immutable key;

    constructor(address key_) {
        key = key_;
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recoverCalldata(hash, signature) == key ? IERC1271.isValidSignature.selector : bytes4(0);
    }

    function execute(address target, bytes calldata call_) external returns (bytes memory) {
        require(msg.sender == key, "not the key");
        (bool success, bytes memory answer) = target.call(call_);
        require(success, "call failed");
        return answer;
    }
}
