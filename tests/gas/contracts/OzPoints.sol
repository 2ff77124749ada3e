// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title What most programmes deploy: OpenZeppelin's token with an owner who mints
/// @dev For comparison only, as everything in this folder.
contract OzPoints is ERC20, Ownable {
    constructor() ERC20("Points", "PTS") Ownable(msg.sender) {}

    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    function mintMany(address[] calldata to, uint256[] calldata amounts) external onlyOwner {
        for (uint256 i = 0; i < to.length; ++i) {
            _mint(to[i], amounts[i]);
        }
    }
}
