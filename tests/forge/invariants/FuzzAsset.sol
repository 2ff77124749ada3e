// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A settlement asset that is good until it is told otherwise
/// @dev It calls others in the middle of a transfer, keeps what they answered, and goes on: only the guards of the called
/// contracts stand between such a call and its effect.
contract FuzzAsset {
    enum Mode {
        Good,
        TakesFee,
        AnswersFalse,
        Paused,
        Dead
    }

    error AssetPaused();

    mapping(address => uint256) private _balances;
    mapping(address => mapping(address => uint256)) public allowance;
    Mode public mode;
    /// @notice Transfers asked for, to tell which calls of the contracts touch the asset.
    uint256 public asked;

    address private _target;
    bytes private _call;
    bool public fired;
    bytes4 public answer;

    function balanceOf(address who) external view returns (uint256) {
        if (mode == Mode.Dead) revert AssetPaused();
        return _balances[who];
    }

    /// @notice What really is there, whatever the mode.
    function held(address who) external view returns (uint256) {
        return _balances[who];
    }

    function give(address to, uint256 amount) external {
        _balances[to] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        require(allowance[from][msg.sender] >= amount, "allowance");
        return _move(from, to, amount);
    }

    // ------------------------------------------------------------- hostility

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// @notice The next transfer makes this call, once.
    function arm(address target, bytes calldata call_) external {
        _target = target;
        _call = call_;
        fired = false;
        answer = 0;
    }

    function disarm() external {
        _target = address(0);
        fired = false;
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        ++asked;
        if (mode == Mode.Paused || mode == Mode.Dead) revert AssetPaused();
        if (mode == Mode.AnswersFalse) return false;
        _fire();
        require(_balances[from] >= amount, "balance");
        _balances[from] -= amount;
        _balances[to] += mode == Mode.TakesFee ? amount - 1 - amount / 100 : amount;
        return true;
    }

    function _fire() private {
        if (_target == address(0)) return;
        address target = _target;
        _target = address(0);
        (bool ok, bytes memory told) = target.call(_call);
        fired = true;
        answer = ok ? bytes4(0) : bytes4(told);
    }
}
