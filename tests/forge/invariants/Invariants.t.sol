// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {StdInvariant} from "forge-std/StdInvariant.sol";
import {Handler} from "./Handler.sol";

/// @title Random sequences of calls by everybody; all promises after every call; everybody out at the end
abstract contract Invariants is CommonBase, StdAssertions, StdInvariant {
    Handler private _handler;

    function _start(uint256 par, bool hostile) internal {
        _handler = new Handler(par, hostile);
        bytes4[] memory hands = new bytes4[](14);
        hands[0] = _handler.pass.selector;
        hands[1] = _handler.relay.selector;
        hands[2] = _handler.relayOld.selector;
        hands[3] = _handler.relayBatch.selector;
        hands[4] = _handler.trade.selector;
        hands[5] = _handler.collude.selector;
        hands[6] = _handler.serveOthers.selector;
        hands[7] = _handler.bank.selector;
        hands[8] = _handler.send.selector;
        hands[9] = _handler.run.selector;
        hands[10] = _handler.serve.selector;
        hands[11] = _handler.awardSome.selector;
        hands[12] = _handler.clawBackSome.selector;
        hands[13] = _handler.turnAsset.selector;
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), hands));
    }

    function invariant_allPromises() external view {
        assertEq(_handler.verdict(), "");
    }

    function afterInvariant() external {
        string memory file = vm.envOr("FUZZED_OUTCOMES", string(""));
        if (bytes(file).length > 0) vm.writeLine(file, _handler.outcomes());
        assertEq(_handler.windUp(), "");
    }
}

/// @notice The asset behaves; par is 1.00 of an asset with six decimals.
contract HonestAssetTest is Invariants {
    function setUp() external {
        _start(10_000, false);
    }
}

/// @notice The asset turns hostile and good again; par is a number that nothing divides.
contract HostileAssetTest is Invariants {
    function setUp() external {
        _start(7, true);
    }
}
