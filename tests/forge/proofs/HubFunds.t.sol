// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubMoney} from "./HubMoney.sol";

/// @title What goes into budget and pot, and what is left of them
contract HubFundProofs is HubMoney {
    function check_sweep(uint256 id) external {
        acts(Act.Sweep, id);
        hub.sweep(id);
        kept();
    }
}
