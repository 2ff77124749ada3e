// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Dice} from "./Dice.sol";
import {FuzzAsset} from "./FuzzAsset.sol";
import {Watch} from "./Watch.sol";

/// @title The asset as an enemy: it fails in every way there is, and calls back in the middle of a transfer
abstract contract Reentry is Watch {
    enum Inner {
        Guarded,
        CashOut,
        Transfer,
        Leave,
        Release,
        Stay,
        Spend
    }

    struct Payload {
        Inner kind;
        address target;
        uint256 id;
        uint256 points;
    }

    bool private immutable _hostile;
    Payload private _payload;

    constructor(bool hostile) {
        _hostile = hostile;
    }

    /// @notice The asset's turn: good again, broken in some way, or armed.
    function turnAsset(uint256 seed) external step {
        if (!_hostile) return;
        Dice memory d = _dice(seed);
        uint256 face = d.below(10);
        if (face < 4) asset.setMode(FuzzAsset.Mode.Good);
        else if (face < 6) asset.setMode(FuzzAsset.Mode(1 + d.below(4)));
        else _arm(d);
    }

    // ------------------------------------------------------ what must happen

    /// @return refusal of a call that has the asset pulled to the token or the hub
    function _pulled() internal view returns (bytes4) {
        return asset.mode() == FuzzAsset.Mode.TakesFee ? ILoyaltyToken.AssetNotReceived.selector : _moved();
    }

    /// @return refusal of a call that has the asset paid out to somebody
    function _moved() internal view returns (bytes4) {
        FuzzAsset.Mode mode = asset.mode();
        if (mode == FuzzAsset.Mode.AnswersFalse) return bytes4(keccak256("SafeERC20FailedOperation(address)"));
        if (mode == FuzzAsset.Mode.Paused || mode == FuzzAsset.Mode.Dead) return FuzzAsset.AssetPaused.selector;
        return 0;
    }

    // ------------------------------------------------------------- re-entry

    function _arm(Dice memory d) private {
        asset.setMode(FuzzAsset.Mode.Good);
        Payload memory p = Payload(Inner(d.below(7)), address(hub), 1 + d.below(campaigns), 0);
        bytes memory data;
        if (p.kind == Inner.Guarded) (p.target, data) = _guarded(d);
        if (p.kind == Inner.Leave) {
            p.points = terms[p.id].closed ? 0 : free(p.id, address(asset));
            data = abi.encodeCall(ICampaignHub.leave, (p.id, p.points));
        }
        if (p.kind == Inner.Release) data = abi.encodeCall(ICampaignHub.release, (p.id, holders));
        if (p.kind == Inner.Spend) data = _orderToSpend(d);
        if (p.kind == Inner.Stay) data = abi.encodeCall(ICampaignHub.setStay, (p.id, false));
        if (p.kind == Inner.CashOut || p.kind == Inner.Transfer) {
            p.target = address(token);
            p.points = wallets[address(asset)] / 2;
            data = p.kind == Inner.CashOut
                ? abi.encodeCall(ILoyaltyToken.cashOut, (p.points, heir))
                : abi.encodeWithSelector(token.transfer.selector, heir, p.points);
        }
        _payload = p;
        asset.arm(p.target, data);
    }

    /// @dev Calls that would be refused for another reason if the guard did not refuse them first.
    function _guarded(Dice memory d) private view returns (address, bytes memory) {
        bytes32[] memory none;
        address[] memory nobody;
        uint256 face = d.below(10);
        if (face == 0) return (address(token), abi.encodeCall(ILoyaltyToken.mint, (heir, 0)));
        if (face == 1) return (address(token), abi.encodeCall(ILoyaltyToken.mintBatch, (none, 0)));
        if (face == 2) return (address(token), abi.encodeCall(ILoyaltyToken.cashOut, (0, heir)));
        if (face == 3) return (address(hub), abi.encodeCall(ICampaignHub.fund, (1, 0, 0)));
        if (face == 4) return (address(hub), abi.encodeCall(ICampaignHub.sweep, (0)));
        if (face == 5) return (address(hub), abi.encodeCall(ICampaignHub.awardBatch, (0, 0, none)));
        if (face == 6) return (address(hub), abi.encodeCall(ICampaignHub.clawbackBatch, (0, 0, none)));
        if (face == 7) return (address(hub), abi.encodeCall(ICampaignHub.enter, (0, 0, 0)));
        if (face == 8) return (address(hub), abi.encodeCall(ICampaignHub.expire, (0, nobody)));
        return (address(hub), abi.encodeCall(ICampaignHub.move, (1, 1, 0, 0)));
    }

    /// @dev What the asset did in the middle of the step's call is told to the model after that call: the two commute.
    function _settleReentry() internal override {
        if (!asset.fired()) return;
        bytes4 got = asset.answer();
        asset.disarm();
        Payload memory p = _payload;
        _count(bytes4(uint32(p.kind)), got);
        if (p.kind == Inner.Guarded || (p.kind == Inner.CashOut && _guardHeld(p.target))) {
            bool refused = _guardHeld(p.target)
                ? got == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector
                : got != 0;
            if (!refused) _break("P12: the asset got in again");
            return;
        }
        if (got != 0) return;
        _apply(p);
    }

    /// @dev Some holder's order that the asset, delegate of a merchant, sends in the middle of a transfer.
    function _orderToSpend(Dice memory d) internal virtual returns (bytes memory);

    function _spentInside() internal virtual;

    function _apply(Payload memory p) private {
        address self = address(asset);
        if (p.kind == Inner.CashOut) {
            _consent(self, p.points);
            wallets[self] -= p.points;
            supply -= p.points;
        } else if (p.kind == Inner.Transfer) {
            _consent(self, p.points);
            wallets[self] -= p.points;
            wallets[heir] += p.points;
        } else if (p.kind == Inner.Leave) {
            _consent(p.id, self, p.points);
            take(p.id, self, p.points);
            wallets[self] += p.points;
        } else if (p.kind == Inner.Stay) {
            purse(p.id, self).stay = false;
        } else if (p.kind == Inner.Spend) {
            _spentInside();
        } else {
            _releases();
            _release(p.id, holders);
        }
    }

    function _release(uint256 id, address[] memory whose) internal {
        for (uint256 i = 0; i < whose.length; ++i) {
            uint256 points = free(id, whose[i]);
            if (purse(id, whose[i]).stay || points == 0) continue;
            take(id, whose[i], points);
            wallets[whose[i]] += points;
        }
    }

    function _guardHeld(address target) private view returns (bool) {
        bool ofToken = verb != ICampaignHub.fund.selector && verb != ICampaignHub.sweep.selector;
        bool ofHub = verb != ILoyaltyToken.mint.selector && verb != ILoyaltyToken.mintBatch.selector
            && verb != ILoyaltyToken.cashOut.selector && verb != ILoyaltyToken.cashOutBySig.selector;
        return target == address(token) ? ofToken : ofHub;
    }
}
