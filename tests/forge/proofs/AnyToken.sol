// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AnyAsset} from "./AnyAsset.sol";
import {vm} from "./Symbolic.sol";

/// @title A token of which only this is known: what its own proofs show
/// @dev Wallets and supply change by exactly what a call names (TokenPromises 3 and 4). It refuses less than the token
/// does, so what the hub keeps with it, it keeps with the token.
contract AnyToken {
    AnyAsset public immutable asset;
    uint256 public immutable par;

    mapping(address => uint256) public balanceOf;
    uint256 public totalSupply;

    constructor(AnyAsset asset_, uint256 par_) {
        (asset, par) = (asset_, par_);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        vm.assume(balanceOf[msg.sender] >= value);
        unchecked {
            balanceOf[msg.sender] -= value;
            balanceOf[to] += value;
        }
        return true;
    }
}
