// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubMoney} from "./HubMoney.sol";
import {HubState} from "./HubState.sol";
import {both, vm, when} from "./Symbolic.sol";

/// @title What operators may do
contract HubAwardProofs is HubMoney {
    using HubState for uint256;

    function check_awardBatch(uint256 id, uint256 number_, bytes32[] calldata entries) external {
        vm.assume(entries.length == 1);
        _awards(id, number_, entries);
    }

    function check_awardBatch_empty(uint256 id, uint256 number_) external {
        this.awardsNothing(id, number_, new bytes32[](0));
    }

    function awardsNothing(uint256 id, uint256 number_, bytes32[] calldata entries) external {
        _awards(id, number_, entries);
    }

    function check_clawbackBatch(uint256 id, uint256 number_, bytes32[] calldata entries) external {
        _lands(Act.Clawback, id, number_, entries);
        hub.clawbackBatch(id, number_, entries);
        kept();
    }

    function _awards(uint256 id, uint256 number_, bytes32[] calldata entries) private {
        noneIsAnnounced(id);
        _lands(Act.Award, id, number_, entries);
        hub.awardBatch(id, number_, entries);
        bool toWallet = both(!termsOf(id).isClosed(), termsOf(id).hold() == 0);
        credits(!toWallet, total);
        for (uint256 i = 0; i < entries.length; ++i) {
            walletGains(address(bytes20(entries[i])), when(toWallet, total));
        }
        kept();
    }

    function _lands(Act act, uint256 id, uint256 number_, bytes32[] calldata entries) private {
        lands(id, number_);
        for (uint256 i = 0; i < entries.length; ++i) {
            address holder = address(bytes20(entries[i]));
            uint256 amount = uint96(uint256(entries[i]));
            unchecked {
                total += amount;
            }
            if (act == Act.Award) namesAnybody(id, holder);
            else names(id, holder);
        }
        acts(act, id);
    }
}
