// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {FuzzAsset} from "./FuzzAsset.sol";
import {Ledger} from "./Ledger.sol";

/// @title The end of every run: owners, operators and merchants do nothing any more, and everybody gets out
/// @dev The asset is good again: what its issuer does is outside of what the contracts can promise.
abstract contract WindUp is Ledger {
    /// @notice What was found stranded, or nothing.
    function windUp() external returns (string memory) {
        vm.warp(clock);
        bringUpToDate();
        asset.setMode(FuzzAsset.Mode.Good);
        asset.disarm();
        for (uint256 id = 1; id <= campaigns; ++id) {
            _leaveWithMatured(id);
        }
        if (!_cashOutAll()) return "P11: not everybody was paid out while campaigns ran";
        _passEverything();
        for (uint256 id = 1; id <= campaigns; ++id) {
            _closeDown(id);
        }
        if (!_cashOutAll()) return "P11: not everybody was paid out in the end";
        return _stranded();
    }

    function _leaveWithMatured(uint256 id) private {
        if (terms[id].closed) return;
        for (uint256 j = 0; j < holders.length; ++j) {
            uint256 points = free(id, holders[j]);
            if (points == 0) continue;
            _do(holders[j], address(hub), abi.encodeCall(ICampaignHub.leave, (id, points)));
            take(id, holders[j], points);
            wallets[holders[j]] += points;
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
        bringUpToDate();
    }

    function _closeDown(uint256 id) private {
        if (terms[id].closed) {
            _do(stranger, address(hub), abi.encodeCall(ICampaignHub.expire, (id, holders)));
            for (uint256 j = 0; j < holders.length; ++j) {
                uint256 points = empty(id, holders[j]);
                terms[id].budget += points;
                supply -= points;
            }
        } else {
            _do(stranger, address(hub), abi.encodeCall(ICampaignHub.release, (id, holders)));
            _release(id, holders);
            _leaveWithMatured(id);
        }
        if (terms[id].budget + terms[id].pot == 0) return;
        uint256 before = asset.held(terms[id].owner);
        _do(stranger, address(hub), abi.encodeCall(ICampaignHub.sweep, (id)));
        if (asset.held(terms[id].owner) - before != (terms[id].budget + terms[id].pot) * par) {
            _surprise("the owner did not get what was left");
        }
        terms[id].budget = 0;
        terms[id].pot = 0;
    }

    function _cashOutAll() private returns (bool all) {
        all = true;
        for (uint256 i = 0; i < people.length; ++i) {
            address who = people[i];
            uint256 points = wallets[who];
            if (points == 0) continue;
            uint256 before = asset.held(who);
            _do(who, address(token), abi.encodeCall(ILoyaltyToken.cashOut, (points, who)));
            all = all && asset.held(who) - before == points * par && token.balanceOf(who) == 0;
            wallets[who] = 0;
            supply -= points;
        }
    }

    function _do(address from, address to, bytes memory data) private {
        _call(from, to, data, 0);
    }

    function _stranded() private view returns (string memory) {
        if (bytes(unforeseen).length > 0) return string.concat("P11: ", unforeseen);
        uint256 lost = token.balanceOf(address(token));
        if (token.totalSupply() != strayPoints + lost) return "P11: points are left";
        if (asset.held(address(token)) != par * (strayPoints + lost) + strayAtToken) return "P11: asset left in the token";
        if (token.balanceOf(address(hub)) != strayPoints) return "P11: points are left in the hub";
        if (asset.held(address(hub)) != strayAtHub) return "P11: asset is left in the hub";
        for (uint256 id = 1; id <= campaigns; ++id) {
            ICampaignHub.Campaign memory c = hub.campaign(id);
            if (c.budget + c.pot > 0) return "P11: a campaign still has money";
        }
        return "";
    }
}
