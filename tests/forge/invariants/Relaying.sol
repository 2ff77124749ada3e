// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Dice} from "./Dice.sol";
import {FuzzAsset} from "./FuzzAsset.sol";
import {Shelf} from "./Shelf.sol";

/// @title Relayers, merchants and delegates send signed orders: new and old, one by one and in batches
abstract contract Relaying is Shelf {
    Signed private _inside;

    /// @notice A holder signs, and somebody sends it at once.
    function relay(uint256 seed) external step {
        Dice memory d = _dice(seed);
        _send(d, _draw(d));
    }

    /// @notice Somebody sends what was signed earlier: held back, used already, cancelled or out of date.
    function relayOld(uint256 seed) external step {
        Dice memory d = _dice(seed);
        (Signed memory o, bool found) = d.oneIn(3) ? _oldOrder(d) : _openOrder(d, false);
        if (found) _send(d, o);
    }

    /// @notice Redemptions or payments in a batch; orders that do not belong there are among them.
    function relayBatch(uint256 seed) external step {
        Dice memory d = _dice(seed);
        Kind kind = d.oneIn(4) ? Kind.Payment : d.oneIn(2) ? Kind.Redeem : Kind.Spend;
        Signed[] memory orders = new Signed[](1 + d.below(4));
        for (uint256 i = 0; i < orders.length; ++i) {
            (Signed memory old, bool found) = _oldOrder(d);
            orders[i] = found && old.kind == kind && d.oneIn(3) ? old : _drawKind(d, kind);
            // Mostly of one merchant and campaign; else the signature does not fit.
            if (i > 0 && !d.oneIn(8)) _sameShop(orders[i], orders[0]);
        }
        _sendBatch(d, kind, orders);
    }

    function _sameShop(Signed memory o, Signed memory first) private {
        if (o.to == first.to && (o.id == first.id || o.kind != Kind.Spend)) return;
        o.to = first.to;
        if (o.kind == Kind.Spend) {
            o.id = first.id;
            o.nonce = purse(o.id, o.holder).nonce;
        }
        _signIt(o, o.holder);
    }

    // ------------------------------------------------------------ one by one

    function _send(Dice memory d, Signed memory o) private {
        address sender = _anybody(d);
        if (_isRedemption(o.kind) && !d.oneIn(8)) sender = d.oneIn(2) ? o.to : delegate;
        if (o.kind == Kind.Payment && !d.oneIn(8)) sender = o.to;
        if (sender == address(0)) sender = stranger;
        (address target, bytes memory data) = _single(o);
        bytes4 refusal = _refusal(o, sender);
        _consentBy(o, sender);
        uint256 paidBefore = asset.held(o.to);
        if (!_call(sender, target, data, refusal)) return;
        _useUp(o);
        _effect(o);
        if (o.kind == Kind.CashOut && asset.mode() == FuzzAsset.Mode.Good) _paidAtPar(o, paidBefore);
    }

    function _paidAtPar(Signed memory o, uint256 before) private {
        if (o.to != address(hub) && asset.held(o.to) - before != o.amount * par) _break("P1: not paid at par");
    }

    function _refusal(Signed memory o, address sender) private view returns (bytes4) {
        if (o.kind == Kind.Transfer && _refused(o.to)) return ILoyaltyToken.RecipientRefused.selector;
        if (o.kind == Kind.Payment && o.holder == sender) return ILoyaltyToken.RecipientRefused.selector;
        if (o.kind == Kind.Enter && block.timestamp >= terms[o.id].end) return ICampaignHub.CampaignEnded.selector;
        if (_isRedemption(o.kind)) {
            bytes4 shop = _shopRefusal(o, sender);
            if (shop != 0) return shop;
        }
        bytes4 word = _wordRefusal(o, sender);
        if (word != 0) return word;
        return _ofHub(o.kind) ? _accountRefusal(o) : _walletRefusal(o);
    }

    function _shopRefusal(Signed memory o, address sender) private view returns (bytes4) {
        if (!mayServe(sender, o.to)) return ICampaignHub.NotDelegate.selector;
        if (o.kind == Kind.Spend) {
            bytes4 refusal = _servingRefusal(o.id, o.to);
            if (refusal != 0) return refusal;
        }
        return o.commitment == 0 ? ICampaignHub.ZeroCommitment.selector : bytes4(0);
    }

    function _servingRefusal(uint256 id, address merchant) private view returns (bytes4) {
        if (standing[id][merchant] != Standing.Accepted) return ICampaignHub.NotMerchant.selector;
        return terms[id].closed && isExpired(id) ? ICampaignHub.CampaignEnded.selector : bytes4(0);
    }

    /// @dev Deadline, amount, nonce, signature: in the order in which the contracts look.
    function _wordRefusal(Signed memory o, address sender) private view returns (bytes4) {
        if (block.timestamp > o.deadline) return ILoyaltyToken.OrderExpired.selector;
        if (_ofHub(o.kind)) {
            if (o.nonce != purse(o.id, o.holder).nonce) return ICampaignHub.NonceMismatch.selector;
        } else {
            if (o.amount == 0) return ILoyaltyToken.ZeroAmount.selector;
            if (o.nonce != walletNonces[o.holder]) return Nonces.InvalidAccountNonce.selector;
        }
        bool misdirected = o.kind == Kind.Payment && sender != o.to;
        return o.forged || misdirected ? ILoyaltyToken.BadSignature.selector : bytes4(0);
    }

    function _walletRefusal(Signed memory o) private view returns (bytes4) {
        if (o.kind == Kind.CashOut && _refused(o.to)) return ILoyaltyToken.RecipientRefused.selector;
        if (o.amount > wallets[o.holder]) return IERC20Errors.ERC20InsufficientBalance.selector;
        if (o.kind == Kind.CashOut) return _moved();
        return o.kind == Kind.Enter ? _arrivalRefusal(o.id, o.amount, o.minReceived) : bytes4(0);
    }

    function _accountRefusal(Signed memory o) private view returns (bytes4) {
        if (o.kind == Kind.Stay) return 0;
        if (o.kind == Kind.Move && o.id == o.other) return ICampaignHub.SameCampaign.selector;
        if (o.kind != Kind.Spend && terms[o.id].closed) return ICampaignHub.ClosedLoop.selector;
        if (o.amount == 0) return ICampaignHub.ZeroAmount.selector;
        if (o.amount > free(o.id, o.holder)) return ICampaignHub.InsufficientPoints.selector;
        if (o.kind != Kind.Move) return 0;
        if (block.timestamp >= terms[o.other].end) return ICampaignHub.CampaignEnded.selector;
        return _arrivalRefusal(o.other, o.amount, o.minReceived);
    }

    function _arrivalRefusal(uint256 id, uint256 amount, uint256 minReceived) internal view returns (bytes4) {
        if (amount == 0) return ICampaignHub.ZeroAmount.selector;
        uint256 bonus = terms[id].closed ? bonusOn(id, amount) : 0;
        if (amount + bonus < minReceived) return ICampaignHub.BelowMinimum.selector;
        return bonus > 0 ? _pulled() : bytes4(0);
    }

    function _refused(address to) internal view returns (bool) {
        return to == address(0) || to == address(token);
    }

    // ------------------------------------------------- from within the asset

    function _orderToSpend(Dice memory d) internal override returns (bytes memory data) {
        _inside = _drawKind(d, Kind.Spend);
        (, data) = _single(_inside);
    }

    function _spentInside() internal override {
        _paysFromClosed();
        _consentBy(_inside, address(asset));
        _useUp(_inside);
        _effect(_inside);
    }

    // -------------------------------------------------------------- batches

    function _sendBatch(Dice memory d, Kind kind, Signed[] memory orders) private {
        address shop = orders[0].to == address(0) ? baker : orders[0].to;
        uint256 id = orders[0].id;
        address sender = kind == Kind.Payment || d.oneIn(2) ? shop : d.oneIn(8) ? _anybody(d) : delegate;
        bytes4 refusal = kind == Kind.Payment || mayServe(sender, shop) ? bytes4(0) : ICampaignHub.NotDelegate.selector;
        if (refusal == 0 && kind == Kind.Spend) refusal = _servingRefusal(id, shop);
        for (uint256 i = 0; i < orders.length; ++i) {
            if (_belongs(orders[i], shop, id)) _consentBy(orders[i], shop);
        }
        (address target, bytes memory data) = _batch(kind, orders, shop, id);
        if (!_call(sender, target, data, refusal)) return;
        uint256 done = abi.decode(answer, (uint256));
        uint256 total;
        for (uint256 i = 0; i < orders.length; ++i) {
            bool good = _belongs(orders[i], shop, id) && _isGood(orders[i]);
            if (good != (done & (1 << i) != 0)) _surprise("an order of a batch");
            if (!good) continue;
            _count(verb, EXECUTED);
            _useUp(orders[i]);
            _debit(orders[i]);
            total += orders[i].amount;
        }
        if (done >> orders.length != 0) _surprise("bits beyond the batch");
        wallets[shop] += total;
    }

    /// @dev The contracts put the batch's merchant and campaign into what they verify.
    function _belongs(Signed memory o, address shop, uint256 id) private pure returns (bool) {
        return o.to == shop && (o.kind != Kind.Spend || o.id == id);
    }

    function _isGood(Signed memory o) private view returns (bool) {
        if (o.holder == vault || _wordRefusal(o, o.to) != 0 || o.amount == 0) return false;
        if (o.kind == Kind.Payment) return o.holder != o.to && o.amount <= wallets[o.holder];
        if (o.commitment == 0) return false;
        return o.amount <= (o.kind == Kind.Spend ? free(o.id, o.holder) : wallets[o.holder]);
    }

    function _batch(Kind kind, Signed[] memory orders, address shop, uint256 id)
        private
        view
        returns (address, bytes memory)
    {
        if (kind == Kind.Payment) return (address(token), _payments(orders));
        ICampaignHub.Order[] memory list = new ICampaignHub.Order[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            list[i] = _hubOrder(orders[i]);
        }
        if (kind == Kind.Redeem) return (address(hub), abi.encodeCall(ICampaignHub.redeemBatch, (shop, list)));
        return (address(hub), abi.encodeCall(ICampaignHub.spendBatch, (id, shop, list)));
    }

    function _payments(Signed[] memory orders) private pure returns (bytes memory) {
        ILoyaltyToken.Payment[] memory list = new ILoyaltyToken.Payment[](orders.length);
        bytes32[] memory witnesses = new bytes32[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            Signed memory o = orders[i];
            list[i] = ILoyaltyToken.Payment(o.holder, o.amount, o.nonce, o.deadline, o.r, _vs(o));
            (, witnesses[i]) = _witness(o);
        }
        return abi.encodeCall(ILoyaltyToken.receiveBatch, (list, witnesses, SHOP_WITNESS));
    }

    // -------------------------------------------------------------- effects

    /// @dev The holder's word: signed by the holder, for this payee, in time, not used and not cancelled.
    function _consentBy(Signed memory o, address sender) private {
        if (o.forged || usedUp[o.digest] || block.timestamp > o.deadline) return;
        if (o.kind == Kind.Payment && sender != o.to) return;
        if (o.serial <= voidBefore[_ofHub(o.kind) ? o.id : 0][o.holder]) return;
        if (_ofAccount(o.kind)) _consent(o.id, o.holder, o.amount);
        else if (o.kind != Kind.Stay) _consent(o.holder, o.amount);
    }

    function _useUp(Signed memory o) private {
        if (usedUp[o.digest]) _break("P4: a signature was used twice");
        if (block.timestamp > o.deadline) _break("P4: an order landed after its deadline");
        if (o.serial <= voidBefore[_ofHub(o.kind) ? o.id : 0][o.holder]) _break("P4: a cancelled order landed");
        if (o.forged) _break("P4: somebody else's signature was taken");
        usedUp[o.digest] = true;
    }

    function _debit(Signed memory o) private {
        if (_ofHub(o.kind)) ++purse(o.id, o.holder).nonce;
        else ++walletNonces[o.holder];
        if (o.kind == Kind.Stay) return;
        if (_ofHub(o.kind)) take(o.id, o.holder, o.amount);
        else wallets[o.holder] -= o.amount;
    }

    function _effect(Signed memory o) private {
        _debit(o);
        if (o.kind == Kind.Stay) purse(o.id, o.holder).stay = o.stay;
        else if (o.kind == Kind.CashOut) _cashedOut(o.to, o.amount);
        else if (o.kind == Kind.Enter) _arrive(o.id, o.holder, o.amount);
        else if (o.kind == Kind.Move) _arrive(o.other, o.holder, o.amount);
        else if (o.kind == Kind.Leave) wallets[o.holder] += o.amount;
        else _receive(o.to, o.amount);
    }

    function _cashedOut(address to, uint256 points) internal {
        supply -= points;
        if (to == address(hub)) strayAtHub += _net(points * par);
    }

    function _net(uint256 units) internal view returns (uint256) {
        return asset.mode() == FuzzAsset.Mode.TakesFee ? units - 1 - units / 100 : units;
    }

    /// @dev What is sent to the hub without a word about it is nobody's.
    function _receive(address to, uint256 points) internal {
        if (to == address(hub)) strayPoints += points;
        else wallets[to] += points;
    }

    function _arrive(uint256 id, address who, uint256 points) internal {
        uint256 bonus = terms[id].closed ? bonusOn(id, points) : 0;
        terms[id].pot -= bonus;
        supply += bonus;
        bring(id, who, points + bonus);
        if (!terms[id].closed) purse(id, who).stay = true;
    }
}
