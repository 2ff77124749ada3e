// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {svm} from "./Symbolic.sol";

/// @title A settlement asset of which only this is known: who sends loses no more than was sent
/// @dev What arrives with whom it is sent to, and what it answers, is anything. It does not call back.
contract AnyAsset {
    mapping(address => uint256) public balanceOf;

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        uint256 taken = svm.createUint256("taken");
        if (taken > amount || taken > balanceOf[msg.sender]) revert();
        unchecked {
            balanceOf[msg.sender] -= taken;
        }
        if (to != msg.sender) balanceOf[to] = svm.createUint256("asset");
        return svm.createBool("answer");
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 taken = svm.createUint256("taken");
        if (taken > amount || taken > balanceOf[from]) revert();
        unchecked {
            balanceOf[from] -= taken;
        }
        balanceOf[to] = svm.createUint256("asset");
        return svm.createBool("answer");
    }
}

/// @title A contract wallet that has signed one order, any
contract AnyWallet {
    bytes32 public signed;

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == signed ? this.isValidSignature.selector : bytes4(0);
    }
}
