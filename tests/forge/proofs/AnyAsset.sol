// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {both, svm, vm} from "./Symbolic.sol";

/// @title A settlement asset of which only this is known: who sends loses no more than was sent
/// @dev What arrives with whom it is sent to, and what it answers, is anything. It does not call back.
contract AnyAsset {
    mapping(address => uint256) public balanceOf;

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        uint256 taken = svm.createUint256("taken");
        vm.assume(both(taken <= amount, taken <= balanceOf[from]));
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
