// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubMoney} from "./HubMoney.sol";

/// @title What is left of budget and pot
contract HubFundProofs is HubMoney {
    function check_sweep(uint256 id) external {
        sweeps(id);
        hub.sweep(id);
        kept();
    }
}
