// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MockUSDC} from "./MockUSDC.sol";

/// @title Keeps a hundredth of every transfer while its fee is on
contract FeeAsset is MockUSDC {
    bool public charging = true;

    function setCharging(bool on) external {
        charging = on;
    }

    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = charging && from != address(0) && to != address(0) ? value / 100 : 0;
        super._update(from, to, value - fee);
        if (fee > 0) super._update(from, address(0), fee);
    }
}

/// @title Answers false instead of moving anything, while told to
contract FalseAsset is MockUSDC {
    bool public lying;

    function setLying(bool on) external {
        lying = on;
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return !lying && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return !lying && super.transferFrom(from, to, value);
    }
}

/// @title Calls whoever it was told to in the middle of each transfer, once for every arming
/// @dev It keeps what the call answered, so that a test sees why it failed, and goes on: only the guard of the called
/// contract stands between the call and its effect.
contract ReenteringAsset is MockUSDC {
    address private _target;
    bytes private _call;
    bool public fired;
    bool public succeeded;
    bytes public answer;

    function arm(address target, bytes calldata call_) external {
        _target = target;
        _call = call_;
        fired = false;
        succeeded = false;
        answer = "";
    }

    /// @notice Lets this contract pay for what it calls.
    function approveAs(IERC20 token, address spender) external {
        token.approve(spender, type(uint256).max);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (_target != address(0) && from != address(0)) {
            address target = _target;
            _target = address(0);
            fired = true;
            (succeeded, answer) = target.call(_call);
        }
        super._update(from, to, value);
    }
}
