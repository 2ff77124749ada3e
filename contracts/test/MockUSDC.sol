// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A settlement asset for local chains only
/// @notice Anyone may mint any amount: it is worth nothing and must never back points on a public chain.
/// @dev 6 decimals, as the dollar coin it stands for.
contract MockUSDC is ERC20 {
    constructor() ERC20("Mock USD Coin", "mUSDC") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Gives `amount` units to `to`, for nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
