// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {Dice} from "./Dice.sol";
import {Spending} from "./Spending.sol";

/// @title What owners do with their campaigns, and merchants with their standing
abstract contract Running is Spending {
    uint256 private constant MOST_CAMPAIGNS = 6;
    uint256 private constant QUARTER = 90 days;

    /// @notice The owner (or somebody who is not) changes terms, people or money.
    function run(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 id = _campaign(d);
        address who = _mostly(d, _isCampaign(id) ? terms[id].owner : owner);
        uint256 face = d.below(16);
        if (face < 4) _fund(d, who, id);
        else if (face < 6) _invite(d, who, id);
        else if (face < 8) _setOperator(d, who, id);
        else if (face < 10) _announce(d, who, id);
        else if (face < 11) _withdraw(d, who, id);
        else if (face < 13) _sweep(who, id);
        else if (face < 15) _ownership(d, who, id);
        else _found(d, d.oneIn(2) ? owner : _anybody(d));
    }

    /// @notice A merchant accepts an invitation or names a delegate.
    function serve(uint256 seed) external step {
        Dice memory d = _dice(seed);
        address merchant = _mostly(d, d.oneIn(2) ? baker : accomplice);
        if (d.oneIn(4)) return _delegate(d, merchant);
        uint256 id = _campaign(d);
        for (uint256 i = 0; i < 4 && standing[id][merchant] != Standing.Invited; ++i) {
            id = _campaign(d);
        }
        bytes4 refusal;
        if (!_isCampaign(id)) refusal = ICampaignHub.UnknownCampaign.selector;
        else if (standing[id][merchant] != Standing.Invited) refusal = ICampaignHub.NotInvited.selector;
        if (_call(merchant, address(hub), abi.encodeCall(ICampaignHub.acceptMerchant, (id)), refusal)) {
            standing[id][merchant] = Standing.Accepted;
        }
    }

    function _delegate(Dice memory d, address merchant) private {
        address whom = d.oneIn(3) ? _anybody(d) : delegate;
        bool allowed = !d.oneIn(3);
        if (_call(merchant, address(hub), abi.encodeCall(ICampaignHub.setDelegate, (whom, allowed)), 0)) {
            delegated[merchant][whom] = allowed;
        }
    }

    // ---------------------------------------------------------------- terms

    function _found(Dice memory d, address who) private {
        if (campaigns == MOST_CAMPAIGNS) return;
        bool closed = d.oneIn(2);
        uint256 hold = d.oneIn(3) ? 0 : d.below(91) * 1 days + d.below(2);
        uint256 end = block.timestamp + d.below(120 days);
        uint256 expiry = closed || d.oneIn(20) ? end + 2 * hold + QUARTER + d.below(30 days) : 0;
        if (d.oneIn(10) && expiry > 0) expiry = end + 2 * hold + QUARTER - 1;
        uint256 bonus = (closed || d.oneIn(20)) && !d.oneIn(3) ? d.below(10_500) : 0;
        create(who, end, hold, closed, expiry, bonus);
    }

    function create(address who, uint256 end, uint256 hold, bool closed, uint256 expiry, uint256 bonus) internal {
        bytes4 refusal;
        bool badExpiry = closed ? expiry < end + 2 * hold + QUARTER : expiry != 0;
        bool badBonus = closed ? bonus > 10_000 : bonus != 0;
        if (end <= block.timestamp || hold > QUARTER || badExpiry || badBonus) {
            refusal = ICampaignHub.TermRefused.selector;
        }
        bytes memory data = abi.encodeCall(
            ICampaignHub.createCampaign,
            (uint40(end), uint32(hold), closed, uint40(expiry), uint16(bonus), bytes32(0))
        );
        if (!_call(who, address(hub), data, refusal)) return;
        Terms storage t = terms[++campaigns];
        (t.owner, t.end, t.hold) = (who, end, hold);
        (t.closed, t.expiry, t.bonus) = (closed, expiry, bonus);
    }

    function _ownerRefusal(address who, uint256 id) private view returns (bytes4) {
        if (!_isCampaign(id)) return ICampaignHub.UnknownCampaign.selector;
        return who == terms[id].owner ? bytes4(0) : ICampaignHub.NotOwner.selector;
    }

    function _announce(Dice memory d, address who, uint256 id) private {
        uint256 face = d.below(3);
        bytes4 refusal = _ownerRefusal(who, id);
        uint256 value;
        bytes memory data;
        Announced kind = Announced(1 + face);
        if (kind == Announced.End) {
            value = block.timestamp + WEEK + d.below(60 days) - (d.oneIn(6) ? WEEK : 0);
            data = abi.encodeCall(ICampaignHub.scheduleEnd, (id, uint40(value)));
            if (refusal == 0) refusal = _endRefusal(id, value);
        } else if (kind == Announced.Bonus) {
            value = d.below(10_500);
            data = abi.encodeCall(ICampaignHub.scheduleBonus, (id, uint16(value)));
            if (refusal == 0 && !terms[id].closed) refusal = ICampaignHub.OpenLoop.selector;
            else if (refusal == 0 && value > 10_000) refusal = ICampaignHub.TermRefused.selector;
        } else {
            address merchant = _mostly(d, d.oneIn(2) ? baker : accomplice);
            value = uint160(merchant);
            data = abi.encodeCall(ICampaignHub.scheduleMerchantOff, (id, merchant));
            if (refusal == 0 && standing[id][merchant] == Standing.None) refusal = ICampaignHub.NotMerchant.selector;
        }
        if (refusal == 0 && terms[id].announced != Announced.Nothing) refusal = ICampaignHub.ChangePending.selector;
        if (!_call(who, address(hub), data, refusal)) return;
        (terms[id].announced, terms[id].due, terms[id].value) = (kind, block.timestamp + WEEK, value);
    }

    function _endRefusal(uint256 id, uint256 end) private view returns (bytes4) {
        Terms storage t = terms[id];
        if (block.timestamp + WEEK > t.end) return ICampaignHub.CampaignEnded.selector;
        bool late = t.closed && end + 2 * t.hold + QUARTER > t.expiry;
        return late || end < block.timestamp + WEEK ? ICampaignHub.TermRefused.selector : bytes4(0);
    }

    function _withdraw(Dice memory d, address who, uint256 id) private {
        for (uint256 i = 0; i < 6 && terms[id].announced == Announced.Nothing && !d.oneIn(6); ++i) {
            id = 1 + d.below(campaigns);
            who = _mostly(d, terms[id].owner);
        }
        bytes4 refusal = _ownerRefusal(who, id);
        bool nothing = terms[id].announced == Announced.Nothing;
        if (refusal == 0 && nothing) refusal = ICampaignHub.NoChangePending.selector;
        if (_call(who, address(hub), abi.encodeCall(ICampaignHub.withdrawChange, (id)), refusal)) {
            terms[id].announced = Announced.Nothing;
        }
    }

    // --------------------------------------------------------------- people

    function _ownership(Dice memory d, address who, uint256 id) private {
        if (d.oneIn(2) || (_isCampaign(id) && terms[id].candidate == address(0) && !d.oneIn(8))) {
            address next = d.oneIn(8) ? address(0) : d.oneIn(2) ? heir : owner;
            bytes memory data = abi.encodeCall(ICampaignHub.offerOwnership, (id, next));
            if (_call(who, address(hub), data, _ownerRefusal(who, id))) terms[id].candidate = next;
            return;
        }
        address taker = _mostly(d, _isCampaign(id) ? terms[id].candidate : heir);
        if (taker == address(0)) taker = heir;
        bytes4 refusal;
        if (!_isCampaign(id)) refusal = ICampaignHub.UnknownCampaign.selector;
        else if (taker != terms[id].candidate) refusal = ICampaignHub.NotCandidate.selector;
        if (!_call(taker, address(hub), abi.encodeCall(ICampaignHub.acceptOwnership, (id)), refusal)) return;
        (terms[id].owner, terms[id].candidate) = (taker, address(0));
    }

    function _setOperator(Dice memory d, address who, uint256 id) private {
        address key = _mostly(d, d.oneIn(2) ? keyOne : keyTwo);
        uint256 cap = d.oneIn(5) ? 0 : d.oneIn(5) ? type(uint96).max : d.below(100_000);
        bytes memory data = abi.encodeCall(ICampaignHub.setOperator, (id, key, uint96(cap)));
        if (_call(who, address(hub), data, _ownerRefusal(who, id))) caps[id][key] = cap;
    }

    function _invite(Dice memory d, address who, uint256 id) private {
        address merchant = _mostly(d, d.oneIn(2) ? baker : accomplice);
        bytes4 refusal = _ownerRefusal(who, id);
        bool accepted = standing[id][merchant] == Standing.Accepted;
        if (refusal == 0 && accepted) refusal = ICampaignHub.RecipientRefused.selector;
        if (_call(who, address(hub), abi.encodeCall(ICampaignHub.inviteMerchant, (id, merchant)), refusal)) {
            standing[id][merchant] = Standing.Invited;
        }
    }

    // ---------------------------------------------------------------- money

    function _fund(Dice memory d, address who, uint256 id) private {
        uint256 budget = d.oneIn(4) ? 0 : d.below(50_000);
        bool wantsPot = _isCampaign(id) && (terms[id].closed || d.oneIn(10));
        uint256 pot = wantsPot && !d.oneIn(3) ? d.below(2_000) : 0;
        _fundWith(who, id, budget, pot);
    }

    function _fundWith(address who, uint256 id, uint256 budget, uint256 pot) internal {
        bytes4 refusal = _pulled();
        if (!_isCampaign(id)) refusal = ICampaignHub.UnknownCampaign.selector;
        else if (isOver(id)) refusal = ICampaignHub.CampaignEnded.selector;
        else if (budget + pot == 0) refusal = ICampaignHub.ZeroAmount.selector;
        else if (pot > 0 && !terms[id].closed) refusal = ICampaignHub.TermRefused.selector;
        if (!_call(who, address(hub), abi.encodeCall(ICampaignHub.fund, (id, budget, pot)), refusal)) return;
        terms[id].budget += budget;
        terms[id].pot += pot;
        fees += ((budget + pot) * par * FEE_BPS + 9_999) / 10_000;
    }

    function _sweep(address who, uint256 id) private {
        bytes4 refusal = _moved();
        if (!_isCampaign(id)) refusal = ICampaignHub.UnknownCampaign.selector;
        else if (!isOver(id)) refusal = ICampaignHub.NotYet.selector;
        else if (terms[id].budget + terms[id].pot == 0) refusal = ICampaignHub.ZeroAmount.selector;
        uint256 before = asset.held(terms[id].owner);
        if (!_call(who, address(hub), abi.encodeCall(ICampaignHub.sweep, (id)), refusal)) return;
        uint256 due = (terms[id].budget + terms[id].pot) * par;
        if (_net(due) > asset.held(terms[id].owner) - before) _break("P8: swept past the owner");
        terms[id].budget = 0;
        terms[id].pot = 0;
    }
}
