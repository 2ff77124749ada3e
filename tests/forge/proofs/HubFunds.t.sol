// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubMoney} from "./HubMoney.sol";

/// @title What goes into budget and pot, and what is left of them
contract HubFundProofs is HubMoney {
    function check_fund(uint256 id, uint256 budget, uint256 pot) external {
        noneIsAnnounced(id);
        acts(Act.Fund, id);
        hub.fund(id, budget, pot);
        (toBudget, toPot) = (budget, pot);
        kept();
    }

    function check_sweep(uint256 id) external {
        acts(Act.Sweep, id);
        hub.sweep(id);
        kept();
    }
}
