// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";

/// @notice What halmos adds to forge's cheat codes.
interface Svm {
    function createUint(uint256 bits, string memory name) external returns (uint256);
    function createUint256(string memory name) external returns (uint256);
    function createAddress(string memory name) external returns (address);
    function createBytes32(string memory name) external returns (bytes32);
    function createBool(string memory name) external returns (bool);
    function enableSymbolicStorage(address account) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
Svm constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

// Without a jump, so that the prover follows one path where `&&` and `?:` would make two.

function both(bool a, bool b) pure returns (bool c) {
    assembly ("memory-safe") {
        c := and(a, b)
    }
}

function either(bool a, bool b) pure returns (bool c) {
    assembly ("memory-safe") {
        c := or(a, b)
    }
}

function implies(bool a, bool b) pure returns (bool) {
    return either(!a, b);
}

/// @return c `a` when `condition` holds, else 0
function when(bool condition, uint256 a) pure returns (uint256 c) {
    assembly ("memory-safe") {
        c := and(a, sub(0, condition))
    }
}

/// @title A proof: one call from any state, with any input, at any time, keeps each promise
/// @dev The runner gives the bytecode (PROVED_TOKEN, PROVED_HUB); PROVED_PROMISE names one promise, else all are shown;
/// PROVED_FAULT wakes a planted fault.
abstract contract Proof {
    /// @dev Shown to fail: that the call under proof succeeds for some input.
    uint256 internal constant REACHED = 100;

    uint256 private _only = vm.envOr("PROVED_PROMISE", uint256(0));
    bool private _kept = true;

    function deploy(string memory name, bytes memory arguments) internal returns (address deployed) {
        vm.deal(address(0xFA017), vm.envOr("PROVED_FAULT", uint256(0)));
        bytes memory code = bytes.concat(vm.envBytes(name), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        require(deployed != address(0), name);
        svm.enableSymbolicStorage(deployed);
    }

    function keeps(uint256 number, bool kept) internal {
        if (_only == 0 || _only == number) _kept = both(_kept, kept);
    }

    /// @dev Whether one example is looked for, of a promise broken or of a call that succeeds, and not its absence: then what
    /// is hard to calculate with may be chosen.
    function wantsExample() internal view returns (bool) {
        return _only != 0;
    }

    /// @dev Once, at the end of a proof: one question for all promises.
    function concluded() internal view {
        vm.assertTrue(both(_kept, _only != REACHED));
    }
}
