// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {FuzzAsset} from "./FuzzAsset.sol";
import {Ledger} from "./Ledger.sol";

/// @title The end of every run: owners, operators and merchants do nothing any more, and everybody gets out
/// @dev The asset is good again: what its issuer does is outside of what the contracts can promise. All amounts are what
/// the contracts say; that these are right was seen after each step.
abstract contract WindUp is Ledger {
    /// @notice What was found stranded, or nothing.
    function windUp() external returns (string memory) {
        vm.warp(clock);
        bringUpToDate();
        unforeseen = "";
        asset.setMode(FuzzAsset.Mode.Good);
        asset.disarm();
        for (uint256 id = 1; id <= campaigns; ++id) {
            if (!terms[id].closed) _leaveWithMatured(id);
        }
        if (!_cashOutAll()) return "P11: not everybody was paid out while campaigns ran";
        _passEverything();
        for (uint256 id = 1; id <= campaigns; ++id) {
            _closeDown(id);
        }
        if (!_cashOutAll()) return "P11: not everybody was paid out in the end";
        return bytes(unforeseen).length > 0 ? string.concat("P11: ", unforeseen) : _stranded();
    }

    function _leaveWithMatured(uint256 id) private {
        for (uint256 j = 0; j < holders.length; ++j) {
            uint256 points = hub.account(id, holders[j]).matured;
            if (points > 0) _call(holders[j], address(hub), abi.encodeCall(ICampaignHub.leave, (id, points)), 0);
        }
    }

    function _passEverything() private {
        for (uint256 id = 1; id <= campaigns; ++id) {
            Terms storage t = terms[id];
            uint256 last = t.announced == Announced.End && t.value > t.end ? t.value : t.end;
            uint256 over = (t.closed ? t.expiry : last + 2 * t.hold) + WEEK;
            if (over > clock) clock = over;
        }
        // Awards may still land in the days of grace after the end.
        clock += 2 * 90 days + WEEK;
        vm.warp(clock);
    }

    /// @dev A stranger clears; only who chose to stay has to leave on its own.
    function _closeDown(uint256 id) private {
        if (terms[id].closed) {
            _call(stranger, address(hub), abi.encodeCall(ICampaignHub.expire, (id, holders)), 0);
        } else {
            _call(stranger, address(hub), abi.encodeCall(ICampaignHub.release, (id, holders)), 0);
            _leaveWithMatured(id);
        }
        ICampaignHub.Campaign memory c = hub.campaign(id);
        uint256 rest = (uint256(c.budget) + c.pot) * par;
        if (rest == 0) return;
        uint256 before = asset.held(c.owner);
        _call(stranger, address(hub), abi.encodeCall(ICampaignHub.sweep, (id)), 0);
        if (asset.held(c.owner) - before != rest) _surprise("the owner did not get what was left");
    }

    function _cashOutAll() private returns (bool all) {
        all = true;
        for (uint256 i = 0; i < people.length; ++i) {
            address who = people[i];
            uint256 points = token.balanceOf(who);
            if (points == 0) continue;
            uint256 before = asset.held(who);
            _call(who, address(token), abi.encodeCall(ILoyaltyToken.cashOut, (points, who)), 0);
            all = all && asset.held(who) - before == points * par && token.balanceOf(who) == 0;
        }
    }

    function _stranded() private view returns (string memory) {
        uint256 lost = strayPoints + token.balanceOf(address(token));
        if (token.totalSupply() != lost) return "P11: points are left";
        if (asset.held(address(token)) != par * lost + strayAtToken) return "P11: asset is left in the token";
        if (token.balanceOf(address(hub)) != strayPoints) return "P11: points are left in the hub";
        if (asset.held(address(hub)) != strayAtHub) return "P11: asset is left in the hub";
        for (uint256 id = 1; id <= campaigns; ++id) {
            ICampaignHub.Campaign memory c = hub.campaign(id);
            if (c.budget + c.pot > 0) return "P11: a campaign still has money";
        }
        return "";
    }
}
