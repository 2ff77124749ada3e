// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubPromises} from "./HubPromises.sol";
import {HubState} from "./HubState.sol";
import {both, either, implies, vm, when} from "./Symbolic.sol";

/// @title What no call that moves points or money may break
/// @dev `who` is anybody and `campaign` any campaign. Each proof names what its call may do to them, and by whose word.
abstract contract HubMoney is HubPromises {
    using HubState for uint256;

    /// @dev What a call is for. Trade: holders' and merchants' verbs, of which an entering bonus alone moves money.
    enum Act {
        Trade,
        Fund,
        Sweep,
        Award,
        Clawback,
        Release,
        Expire
    }

    Act private _act;

    /// @dev The accounts that the call names, and their words before it; the second is the one that a move goes to.
    uint256[2] private _in;
    address[2] private _of;
    uint256[2] private _had;
    uint256 private _names;

    /// @dev Points that the first loses by its holder's word, points that the last gets, orders that were signed, and
    /// whether the holder chose who may release.
    uint256 private _agreed;
    uint256 private _credited;
    uint256 private _orders;
    bool private _chosen;
    /// @dev The wallet of `who`: points that it loses by its word, points that it gets.
    uint256 private _lost;
    uint256 private _gained;

    /// @dev Of a batch of awards or clawbacks: its number, the word of its bit, and what it names in all.
    uint256 private _batchIn;
    uint256 private _batch;
    uint256 private _landed;
    uint256 internal total;
    /// @dev Of a call that funds.
    uint256 internal toBudget;
    uint256 internal toPot;

    // ------------------------------------------------------------- the call

    /// @dev Before the call.
    function acts(Act act, uint256 id) internal {
        _act = act;
        does(act == Act.Award || act == Act.Clawback ? Way.Operate : Way.Nothing, id);
    }

    /// @dev Before the call, which writes a change that is due before all else, by the same lines as each: HubTerms.t.sol.
    function noneIsAnnounced(uint256 id) internal view {
        vm.assume(changeOf(id).kind() == 0);
    }

    /// @dev Before the call, which may touch this account. The hub has none: it neither calls itself nor signs.
    function names(uint256 id, address holder) internal {
        vm.assume(holder != address(hub));
        namesAnybody(id, holder);
    }

    /// @dev Before the call, which may be asked to give the hub itself an account.
    function namesAnybody(uint256 id, address holder) internal {
        (_in[_names], _of[_names], _had[_names]) = (id, holder, accountOf(id, holder));
        ++_names;
    }

    /// @dev Before the call, which lands this batch.
    function lands(uint256 id, uint256 number_) internal {
        (_batchIn, _batch, _landed) = (id, number_, landedOf(id, number_));
    }

    // -------------------------------------------------------------- consent

    /// @dev The first account loses `amount` by its holder's word.
    function agrees(bool word, uint256 amount) internal {
        _agreed = when(word, amount);
    }

    /// @dev The holder signed an order on the first account, at its turn and in time; returns whether it did.
    function ordered(bool word, uint256 nonce, uint256 deadline) internal returns (bool good) {
        good = both(word, both(nonce == _had[0].nonce(), block.timestamp <= deadline));
        _orders = when(good, 1);
    }

    /// @dev The holder voids what it signed for the first account, far ahead.
    function voids() internal {
        _orders = 1 << 16;
    }

    function choosesToStay(bool word) internal {
        _chosen = word;
    }

    function credits(bool word, uint256 points) internal {
        _credited = when(word, points);
    }

    function walletLoses(bool word, address holder, uint256 points) internal {
        unchecked {
            _lost += when(both(word, holder == who), points);
        }
    }

    function walletGains(address holder, uint256 points) internal {
        unchecked {
            _gained += when(holder == who, points);
        }
    }

    // ------------------------------------------------------------- promises

    function kept() internal {
        Picture memory is_ = picture();
        keepsTermsAndRoles(is_);
        keeps(4, _accountsChangeByConsent(is_));
        keeps(5, _maturedIsOutOfReach());
        keeps(6, _moneyGoesWhereItMay(is_));
        keeps(7, _numberLandsOnce(is_));
        keeps(8, _keysStayWithinTheirCaps(is_));
        keeps(9, _noncesOnlyRise());
        keeps(10, _hubHoldsWhatItOwes(is_));
        keeps(11, _walletsChangeByConsent(is_));
        concluded();
    }

    /// @dev Besides what matured: see below. Pending points come by award and go by clawback.
    function _accountsChangeByConsent(Picture memory is_) private view returns (bool kept_) {
        kept_ = either(_isNamed(), is_.account == was.account);
        uint256 taken;
        unchecked {
            taken = was.supply - is_.supply;
        }
        for (uint256 i = 0; i < _names; ++i) {
            uint256 hold = termsOf(_in[i]).hold();
            (uint256 had, uint256 has) = (_had[i].pending(hold), _word(i).pending(hold));
            kept_ = both(kept_, both(_pendingMay(had, has, hold, taken), either(_word(i).stays() == _had[i].stays(), _chosen)));
        }
    }

    function _pendingMay(uint256 had, uint256 has, uint256 hold, uint256 taken) private view returns (bool) {
        unchecked {
            if (_act == Act.Award) return has == had + when(hold != 0, _credited);
            if (_act == Act.Expire) return either(has == had, _isExpired());
            if (_act == Act.Clawback) return both(had == has + taken, taken <= total);
            return has == had;
        }
    }

    /// @dev It falls by the holder's word, to its own wallet, and by expiry only: no owner and no operator reaches it.
    function _maturedIsOutOfReach() private view returns (bool kept_) {
        kept_ = true;
        for (uint256 i = 0; i < _names; ++i) {
            uint256 hold = termsOf(_in[i]).hold();
            (uint256 had, uint256 has) = (_had[i].matured(hold), _word(i).matured(hold));
            kept_ = both(kept_, _maturedMay(i, had, has, hold));
        }
    }

    function _maturedMay(uint256 i, uint256 had, uint256 has, uint256 hold) private view returns (bool) {
        unchecked {
            if (_act == Act.Award) return has == had + when(hold == 0, _credited);
            if (_act == Act.Expire) return either(has == had, _isExpired());
            if (_act == Act.Release) {
                bool may = both(!termsOf(_in[i]).isClosed(), !_had[i].stays());
                return either(has == had, both(may, has == 0));
            }
            return has == had + (i == _names - 1 ? _credited : 0) - (i == 0 ? _agreed : 0);
        }
    }

    function _isExpired() private view returns (bool) {
        return both(termsOf(_in[0]).isClosed(), _passed(moneyOf(_in[0]).expiry()));
    }

    function _moneyGoesWhereItMay(Picture memory is_) private view returns (bool) {
        (uint256 budget, uint256 pot) = (is_.second.budget(), is_.second.pot());
        (uint256 wasBudget, uint256 wasPot) = (was.second.budget(), was.second.pot());
        bool expiryStays = is_.second.expiry() == was.second.expiry();
        bool same = is_.second == was.second;
        uint256 minted;
        unchecked {
            minted = is_.supply - was.supply;
            if (_act == Act.Trade) {
                bool paid = both(budget == wasBudget, both(pot == wasPot - minted, minted <= wasPot));
                return both(expiryStays, either(both(ours, paid), both(same, either(!ours, minted == 0))));
            }
            bool may;
            if (_act == Act.Fund) {
                may = both(minted == 0, both(budget == wasBudget + toBudget, pot == wasPot + toPot));
            }
            if (_act == Act.Sweep) {
                may = both(minted == 0, both(_passed(was.first.end(was.change)), both(budget == 0, pot == 0)));
            }
            if (_act == Act.Award) {
                bool paid = both(both(minted == total, total <= wasBudget), budget == wasBudget - total);
                may = both(both(paid, pot == wasPot), !_passed(was.first.end(was.change)));
            }
            if (_act == Act.Clawback || _act == Act.Expire) {
                may = both(both(budget == wasBudget - minted, budget >= wasBudget), pot == wasPot);
            }
            if (_act == Act.Release) may = both(same, minted == 0);
            return both(expiryStays, either(both(ours, may), both(!ours, same)));
        }
    }

    /// @dev Of the word of bits that holds the batch's number, its own bit; of any other word, nothing.
    function _numberLandsOnce(Picture memory is_) private view returns (bool) {
        bool same = is_.landed == was.landed;
        if (_act != Act.Award && _act != Act.Clawback) return same;
        uint256 bit = 1 << (_batch & 0xff);
        uint256 word = landedOf(_batchIn, _batch);
        bool once = both(_landed & bit == 0, word == _landed | bit);
        return both(once, either(same, both(ours, number >> 8 == _batch >> 8)));
    }

    function _keysStayWithinTheirCaps(Picture memory is_) private view returns (bool) {
        bool same = is_.operator == was.operator;
        if (_act != Act.Award && _act != Act.Clawback) return same;
        uint256 cap = was.operator.cap();
        uint256 used = is_.operator.usedToday();
        unchecked {
            uint256 moved = _act == Act.Award ? total : was.supply - is_.supply;
            bool counted = used == was.operator.usedToday() + moved;
            bool within = either(used <= cap, moved == 0);
            bool byKey = both(both(cap != 0, counted), within);
            bool itself = both(ours, key == caller);
            return both(implies(itself, byKey), either(itself, same));
        }
    }

    function _noncesOnlyRise() private view returns (bool kept_) {
        kept_ = true;
        unchecked {
            for (uint256 i = 0; i < _names; ++i) {
                kept_ = both(kept_, _word(i).nonce() >= _had[i].nonce() + (i == 0 ? _orders : 0));
            }
        }
    }

    /// @dev Its points are those of all accounts; its asset is the price of all budgets and pots, or more.
    function _hubHoldsWhatItOwes(Picture memory is_) private view returns (bool) {
        unchecked {
            return both(is_.hubPoints == was.hubPoints + _credited - _fallen(is_), _assetIsOwed(is_));
        }
    }

    /// @dev By what the accounts that the call names fell in all, which promises 4 and 5 say.
    function _fallen(Picture memory is_) private view returns (uint256 points) {
        unchecked {
            if (_act == Act.Clawback) return was.supply - is_.supply;
            if (_act == Act.Release) return released();
            if (_act != Act.Expire) return _agreed;
            for (uint256 i = 0; i < _names; ++i) {
                points += _had[i].points() - _word(i).points();
            }
        }
    }

    function _assetIsOwed(Picture memory is_) private view returns (bool) {
        unchecked {
            uint256 spent = was.hubAsset - is_.hubAsset;
            if (_act == Act.Fund) return is_.hubAsset == was.hubAsset + (toBudget + toPot) * par;
            if (_act == Act.Clawback || _act == Act.Expire) {
                return either(
                    is_.hubAsset == was.hubAsset + (was.supply - is_.supply) * par,
                    both(is_.supply == was.supply, spent == 0)
                );
            }
            if (_act == Act.Sweep) {
                return either(!ours, spent <= (was.second.budget() + was.second.pot()) * par);
            }
            return either(spent == 0, spent <= (is_.supply - was.supply) * par);
        }
    }

    function _walletsChangeByConsent(Picture memory is_) private view returns (bool) {
        unchecked {
            return is_.wallet == was.wallet + _gained - _lost;
        }
    }

    /// @return points that a release took from the account that it names
    function released() internal view returns (uint256 points) {
        if (_names == 0) return 0;
        uint256 hold = termsOf(_in[0]).hold();
        unchecked {
            points = _had[0].matured(hold) - _word(0).matured(hold);
        }
    }

    // -------------------------------------------------------------- helpers

    function _word(uint256 i) private view returns (uint256) {
        return accountOf(_in[i], _of[i]);
    }

    /// @return found whether the account that is looked at is one of those that the call names
    function _isNamed() private view returns (bool found) {
        for (uint256 i = 0; i < _names; ++i) {
            found = either(found, both(_in[i] == campaign, _of[i] == who));
        }
    }

    function _passed(uint256 time) private view returns (bool) {
        unchecked {
            return block.timestamp >= time + HubState.GRACE;
        }
    }
}
