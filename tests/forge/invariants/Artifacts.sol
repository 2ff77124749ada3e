// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";

/// @title Deploys the committed artifacts: what is tried is, byte for byte, what goes to a chain
/// @dev FUZZED_ARTIFACTS names another folder, for copies with planted faults, and FUZZED_FAULT the fault that is awake.
library Artifacts {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function deploy(string memory name, bytes memory arguments) internal returns (address deployed) {
        string memory folder = vm.envOr("FUZZED_ARTIFACTS", string("gateway/chain/artifacts"));
        string memory json = vm.readFile(string.concat(folder, "/", name, ".json"));
        vm.deal(address(0xFA017), vm.envOr("FUZZED_FAULT", uint256(0)));
        bytes memory code = abi.encodePacked(vm.parseJsonBytes(json, ".bytecode"), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        require(deployed != address(0), string.concat(name, " was not deployed"));
    }
}
