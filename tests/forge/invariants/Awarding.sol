// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Dice} from "./Dice.sol";
import {Running} from "./Running.sol";

/// @title What operator keys do, and what who is none tries
abstract contract Awarding is Running {
    /// @notice A key awards; numbers come in any order and come again.
    function awardSome(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 id = _campaign(d);
        address key = _mostly(d, _key(d, id));
        _award(key, id, _number(d, id), _lines(d, 3_000));
    }

    /// @notice A key claws back, also from who has nothing pending.
    function clawBackSome(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 id = _campaign(d);
        address key = _mostly(d, _key(d, id));
        _clawBack(key, id, _number(d, id), _lines(d, 4_000));
    }

    /// @return key one of the two, mostly one that is authorised
    function _key(Dice memory d, uint256 id) private view returns (address key) {
        key = d.oneIn(2) ? keyOne : keyTwo;
        if (caps[id][key] == 0 && !d.oneIn(8)) key = key == keyOne ? keyTwo : keyOne;
    }

    function _number(Dice memory d, uint256 id) private view returns (uint256) {
        if (landed.length > 0 && d.oneIn(10)) return landed[d.below(landed.length)].number;
        if (d.oneIn(20)) return type(uint256).max - d.below(3);
        uint256 number = d.below(600);
        while (landings[id][number] > 0) {
            ++number;
        }
        return number;
    }

    function _lines(Dice memory d, uint256 most) private view returns (bytes32[] memory lines) {
        lines = new bytes32[](d.oneIn(25) ? 0 : 1 + d.below(4));
        for (uint256 i = 0; i < lines.length; ++i) {
            address to = d.oneIn(30) ? [address(0), address(token), address(hub)][d.below(3)] : _holder(d);
            lines[i] = bytes32(abi.encodePacked(to, uint96(d.oneIn(30) ? 0 : 1 + d.below(most))));
        }
    }

    // --------------------------------------------------------------- awards

    function _award(address key, uint256 id, uint256 number, bytes32[] memory lines) internal {
        uint256 total = _sum(lines);
        bytes memory data = abi.encodeCall(ICampaignHub.awardBatch, (id, number, lines));
        uint256 left = _isCampaign(id) ? capLeft(id, key) : 0;
        if (!_call(key, address(hub), data, _awardRefusal(key, id, number, lines, total))) return;
        if (total > left) _break("P8: an award above the day's cap");
        _land(id, number, key, total);
        terms[id].budget -= total;
        supply += total;
        bool direct = !terms[id].closed && terms[id].hold == 0;
        for (uint256 i = 0; i < lines.length; ++i) {
            (address to, uint256 points) = _line(lines[i]);
            if (direct) wallets[to] += points;
            else award(id, to, points);
        }
    }

    function _awardRefusal(address key, uint256 id, uint256 number, bytes32[] memory lines, uint256 total)
        private
        view
        returns (bytes4)
    {
        if (!_isCampaign(id)) return ICampaignHub.UnknownCampaign.selector;
        if (isOver(id)) return ICampaignHub.CampaignEnded.selector;
        bytes4 refusal = _landRefusal(key, id, number);
        if (refusal != 0) return refusal;
        bool direct = !terms[id].closed && terms[id].hold == 0;
        // The hub looks at the lines before the sums, the token after it was paid.
        refusal = direct ? _hubRefusal(lines) : _linesRefusal(lines);
        if (refusal != 0) return refusal;
        if (total > capLeft(id, key)) return ICampaignHub.OverDailyCap.selector;
        if (total > terms[id].budget) return ICampaignHub.OverBudget.selector;
        if (total == 0) return ILoyaltyToken.ZeroAmount.selector;
        if (_pulled() != 0) return _pulled();
        return _linesRefusal(lines);
    }

    function _hubRefusal(bytes32[] memory lines) private view returns (bytes4) {
        for (uint256 i = 0; i < lines.length; ++i) {
            (address to,) = _line(lines[i]);
            if (to == address(hub)) return ICampaignHub.RecipientRefused.selector;
        }
        return 0;
    }

    function _linesRefusal(bytes32[] memory lines) private view returns (bytes4) {
        for (uint256 i = 0; i < lines.length; ++i) {
            (address to, uint256 points) = _line(lines[i]);
            if (_refused(to) || to == address(hub)) return ILoyaltyToken.RecipientRefused.selector;
            if (points == 0) return ILoyaltyToken.ZeroAmount.selector;
        }
        return 0;
    }

    // ------------------------------------------------------------ clawbacks

    function _clawBack(address key, uint256 id, uint256 number, bytes32[] memory lines) private {
        uint256 total = _isCampaign(id) ? _takeable(id, lines) : 0;
        uint256 left = _isCampaign(id) ? capLeft(id, key) : 0;
        bytes4 refusal;
        if (!_isCampaign(id)) refusal = ICampaignHub.UnknownCampaign.selector;
        else refusal = _landRefusal(key, id, number);
        if (refusal == 0 && total > left) refusal = ICampaignHub.OverDailyCap.selector;
        if (refusal == 0 && total > 0) refusal = _pulled();
        bytes memory data = abi.encodeCall(ICampaignHub.clawbackBatch, (id, number, lines));
        if (!_call(key, address(hub), data, refusal)) return;
        if (total > left) _break("P5: clawed back above the day's cap");
        _land(id, number, key, total);
        for (uint256 i = 0; i < lines.length; ++i) {
            (address from, uint256 points) = _line(lines[i]);
            takeBack(id, from, points);
        }
        terms[id].budget += total;
        supply -= total;
    }

    /// @dev Lines of one holder take from what the lines before have left.
    function _takeable(uint256 id, bytes32[] memory lines) private view returns (uint256 total) {
        for (uint256 i = 0; i < lines.length; ++i) {
            (address from, uint256 points) = _line(lines[i]);
            (uint256 rest,) = held(id, from);
            for (uint256 j = 0; j < i; ++j) {
                (address earlier, uint256 taken) = _line(lines[j]);
                if (earlier == from) rest -= taken < rest ? taken : rest;
            }
            total += points < rest ? points : rest;
        }
    }

    // ------------------------------------------------------------- landing

    function _landRefusal(address key, uint256 id, uint256 number) private view returns (bytes4) {
        if (caps[id][key] == 0) return ICampaignHub.NotOperator.selector;
        return landings[id][number] > 0 ? ICampaignHub.NumberTaken.selector : bytes4(0);
    }

    function _land(uint256 id, uint256 number, address key, uint256 total) private {
        if (++landings[id][number] > 1) _break("P9: a batch number landed twice");
        used[id][key][today()] += total;
        landed.push(Landed(id, number));
    }

    function _sum(bytes32[] memory lines) private pure returns (uint256 total) {
        for (uint256 i = 0; i < lines.length; ++i) {
            (, uint256 points) = _line(lines[i]);
            total += points;
        }
    }

    function _line(bytes32 line) private pure returns (address to, uint256 points) {
        return (address(bytes20(line)), uint96(uint256(line)));
    }
}
