// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

/// @title OpenZeppelin's multi-token: one id a campaign, many holders a call
contract OzMulti is ERC1155, Ownable {
    constructor() ERC1155("") Ownable(msg.sender) {}

    function mintMany(uint256 id, address[] calldata to, uint256[] calldata amounts) external onlyOwner {
        for (uint256 i = 0; i < to.length; ++i) {
            _mint(to[i], id, amounts[i], "");
        }
    }
}
