// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {Dice} from "./Dice.sol";
import {Relaying} from "./Relaying.sol";

/// @title What holders do with their accounts by calls of their own, and what strangers may do for them
abstract contract Holding is Relaying {
    uint256 internal constant CANCEL_STEP = 65_536;

    /// @notice A holder enters, leaves, moves, stays or cancels.
    function trade(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 face = d.below(13);
        if (face < 4) _enter(d, _buyer(d), _campaign(d));
        else if (face < 6) _leaveCall(d);
        else if (face < 9) _moveCall(d);
        else if (face < 11) _setStay(d, _holder(d));
        else _cancelAccount(d);
    }

    /// @notice The mover and the second merchant milk the pot of a campaign that admitted the merchant.
    function collude(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 id = 1 + d.below(campaigns);
        for (uint256 i = 0; !terms[id].closed && i < 4; ++i) {
            id = 1 + d.below(campaigns);
        }
        if (wallets[mover] > 0 && !d.oneIn(3)) _enter(d, mover, id);
        else _moveCall(d);
    }

    /// @notice Anybody does for others what needs nobody's word.
    function serveOthers(uint256 seed) external step {
        Dice memory d = _dice(seed);
        if (d.oneIn(3)) _expire(d);
        else _releaseCall(d);
    }

    // ------------------------------------------------------------- trading

    function _enter(Dice memory d, address who, uint256 id) private {
        uint256 amount = d.some(wallets[who]);
        uint256 least = amount + (_isCampaign(id) && d.oneIn(3) ? bonusOn(id, amount) : 0) + (d.oneIn(12) ? 1 : 0);
        _consent(who, amount);
        bytes memory data = abi.encodeCall(ICampaignHub.enter, (id, amount, least));
        if (!_call(who, address(hub), data, _enterRefusal(who, id, amount, least))) return;
        if (allowances[who][address(hub)] != type(uint256).max) allowances[who][address(hub)] -= amount;
        wallets[who] -= amount;
        _arrive(id, who, amount);
    }

    function _enterRefusal(address who, uint256 id, uint256 amount, uint256 least) private view returns (bytes4) {
        if (!_isCampaign(id)) return ICampaignHub.UnknownCampaign.selector;
        if (block.timestamp >= terms[id].end) return ICampaignHub.CampaignEnded.selector;
        if (amount > allowances[who][address(hub)]) return IERC20Errors.ERC20InsufficientAllowance.selector;
        if (amount > wallets[who]) return IERC20Errors.ERC20InsufficientBalance.selector;
        return _arrivalRefusal(id, amount, least);
    }

    function _leaveCall(Dice memory d) private {
        (address who, uint256 id) = _position(d, true);
        uint256 amount = d.some(_isCampaign(id) ? free(id, who) : 0);
        _consent(id, who, amount);
        bytes memory data = abi.encodeCall(ICampaignHub.leave, (id, amount));
        if (!_call(who, address(hub), data, _takeRefusal(who, id, amount))) return;
        take(id, who, amount);
        wallets[who] += amount;
    }

    function _takeRefusal(address who, uint256 id, uint256 amount) private view returns (bytes4) {
        if (!_isCampaign(id)) return ICampaignHub.UnknownCampaign.selector;
        if (terms[id].closed) return ICampaignHub.ClosedLoop.selector;
        if (amount == 0) return ICampaignHub.ZeroAmount.selector;
        return amount > free(id, who) ? ICampaignHub.InsufficientPoints.selector : bytes4(0);
    }

    function _moveCall(Dice memory d) private {
        (address who, uint256 from) = _position(d, true);
        uint256 to = _campaign(d);
        if (from == to && !d.oneIn(8)) to = 1 + to % campaigns;
        uint256 amount = d.some(_isCampaign(from) ? free(from, who) : 0);
        uint256 least = amount + (_isCampaign(to) && d.oneIn(3) ? bonusOn(to, amount) : 0) + (d.oneIn(12) ? 1 : 0);
        _consent(from, who, amount);
        bytes memory data = abi.encodeCall(ICampaignHub.move, (from, to, amount, least));
        if (!_call(who, address(hub), data, _moveRefusal(who, from, to, amount, least))) return;
        take(from, who, amount);
        _arrive(to, who, amount);
    }

    function _moveRefusal(address who, uint256 from, uint256 to, uint256 amount, uint256 least)
        private
        view
        returns (bytes4)
    {
        if (from == to) return ICampaignHub.SameCampaign.selector;
        bytes4 refusal = _takeRefusal(who, from, amount);
        if (refusal != 0) return refusal;
        if (!_isCampaign(to)) return ICampaignHub.UnknownCampaign.selector;
        if (block.timestamp >= terms[to].end) return ICampaignHub.CampaignEnded.selector;
        return _arrivalRefusal(to, amount, least);
    }

    function _setStay(Dice memory d, address who) private {
        uint256 id = _campaign(d);
        bool stay = d.oneIn(3);
        bytes4 refusal = _isCampaign(id) ? bytes4(0) : ICampaignHub.UnknownCampaign.selector;
        if (_call(who, address(hub), abi.encodeCall(ICampaignHub.setStay, (id, stay)), refusal)) {
            purse(id, who).stay = stay;
        }
    }

    /// @dev Mostly where an order lies about.
    function _cancelAccount(Dice memory d) private {
        (Signed memory o, bool found) = _openOrder(d, true);
        if (!_ofHub(o.kind)) (o, found) = _openOrder(d, true);
        bool aimed = found && _ofHub(o.kind) && !d.oneIn(4);
        (address who, uint256 id) = aimed ? (o.holder, o.id) : (_holder(d), _campaign(d));
        bytes4 refusal = _isCampaign(id) ? bytes4(0) : ICampaignHub.UnknownCampaign.selector;
        if (!_call(who, address(hub), abi.encodeCall(ICampaignHub.cancel, (id)), refusal)) return;
        purse(id, who).nonce += CANCEL_STEP;
        voidBefore[id][who] = signedSoFar;
    }

    // -------------------------------------------------------- for others

    function _someHolders(Dice memory d) private view returns (address[] memory whose) {
        whose = new address[](d.below(6));
        for (uint256 i = 0; i < whose.length; ++i) {
            whose[i] = _holder(d);
        }
    }

    function _releaseCall(Dice memory d) private {
        uint256 id = _campaign(d);
        address[] memory whose = d.oneIn(2) ? holders : _someHolders(d);
        bytes4 refusal;
        if (!_isCampaign(id)) refusal = ICampaignHub.UnknownCampaign.selector;
        else if (terms[id].closed) refusal = ICampaignHub.ClosedLoop.selector;
        _releases();
        if (_call(_anybody(d), address(hub), abi.encodeCall(ICampaignHub.release, (id, whose)), refusal)) {
            _release(id, whose);
        }
    }

    function _expire(Dice memory d) private {
        uint256 id = _campaign(d);
        address[] memory whose = d.oneIn(2) ? holders : _someHolders(d);
        bytes memory data = abi.encodeCall(ICampaignHub.expire, (id, whose));
        if (!_call(_anybody(d), address(hub), data, _expireRefusal(id, whose))) return;
        for (uint256 i = 0; i < whose.length; ++i) {
            uint256 points = empty(id, whose[i]);
            terms[id].budget += points;
            supply -= points;
        }
    }

    function _expireRefusal(uint256 id, address[] memory whose) private view returns (bytes4) {
        if (!_isCampaign(id)) return ICampaignHub.UnknownCampaign.selector;
        if (!terms[id].closed) return ICampaignHub.OpenLoop.selector;
        if (!isExpired(id)) return ICampaignHub.NotYet.selector;
        for (uint256 i = 0; i < whose.length; ++i) {
            (uint256 rest,) = held(id, whose[i]);
            if (rest + free(id, whose[i]) > 0) return _pulled();
        }
        return 0;
    }
}
