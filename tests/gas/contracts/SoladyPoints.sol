// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "solady/src/auth/Ownable.sol";
import {ERC20} from "solady/src/tokens/ERC20.sol";

/// @title Solady's token, written in assembly, with entries of one word
contract SoladyPoints is ERC20, Ownable {
    constructor() {
        _initializeOwner(msg.sender);
    }

    function name() public pure override returns (string memory) {
        return "Points";
    }

    function symbol() public pure override returns (string memory) {
        return "PTS";
    }

    /// @param entries 20 bytes of address, then 12 bytes of amount
    function mintPacked(bytes32[] calldata entries) external onlyOwner {
        for (uint256 i = 0; i < entries.length; ++i) {
            _mint(address(bytes20(entries[i])), uint96(uint256(entries[i])));
        }
    }
}
