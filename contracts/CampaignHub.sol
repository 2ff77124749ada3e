// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Awards} from "./hub/Awards.sol";
import {Campaigns} from "./hub/Campaigns.sol";
import {HolderAccounts} from "./hub/HolderAccounts.sol";
import {HubBase} from "./hub/HubBase.sol";
import {Redemptions} from "./hub/Redemptions.sol";

/// @title Campaigns of several merchants, awards, accounts and redemptions over one LoyaltyToken
/// @dev Promises and units: see ICampaignHub. The parts, one idea each, are in hub/.
contract CampaignHub is Campaigns, Awards, HolderAccounts, Redemptions {
    constructor(address token_, address treasury_, uint256 feeBps_) HubBase(token_) Campaigns(treasury_, feeBps_) {}
}
