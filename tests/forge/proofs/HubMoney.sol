// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubPromises} from "./HubPromises.sol";
import {HubState} from "./HubState.sol";
import {both, either, when} from "./Symbolic.sol";

/// @title What no call that moves points or money may break
/// @dev Each proof names the account that its call may touch, and what its holder agreed to. Any other stays as it is.
abstract contract HubMoney is HubPromises {
    using HubState for uint256;

    /// @dev The account that the call names (none: the one that is looked at), and its word before it.
    uint256 private _in;
    address private _of;
    uint256 private _had;

    /// @dev By its holder's word: points that it loses, by how much its nonce rises, a choice of who may release.
    uint256 private _agreed;
    uint256 private _raised;
    bool private _chosen;
    /// @dev Points that the wallet of `who` gets.
    uint256 private _gained;
    bool private _sweeps;

    // ------------------------------------------------------------- the call

    /// @dev Before the call, which touches this account and no money.
    function touches(uint256 id, address holder) internal {
        (_in, _of, _had) = (id, holder, accountOf(id, holder));
        does(Way.Nothing, id);
    }

    /// @dev Before the call, which pays what is left to the owner, and to which no account agrees.
    function sweeps(uint256 id) internal {
        _sweeps = true;
        (_in, _of, _had) = (campaign, who, accountOf(campaign, who));
        does(Way.Nothing, id);
    }

    // -------------------------------------------------------------- consent

    function agrees(bool word, uint256 amount) internal {
        _agreed = when(word, amount);
    }

    /// @dev The holder signed an order on the account, at its turn and in time; returns whether it did.
    function ordered(bool word, uint256 nonce, uint256 deadline) internal returns (bool good) {
        good = both(word, both(nonce == _had.nonce(), block.timestamp <= deadline));
        _raised = 1;
    }

    /// @dev The holder voids what it signed, far ahead.
    function voids() internal {
        _raised = 1 << 16;
    }

    function chooses() internal {
        _chosen = true;
    }

    function walletGains(address holder, uint256 points) internal {
        _gained = when(holder == who, points);
    }

    // ------------------------------------------------------------- promises

    function kept() internal {
        Picture memory is_ = picture();
        keepsTermsAndRoles(is_);
        keeps(4, _accountsChangeByConsent(is_));
        keeps(5, _maturedFallsByConsent());
        keeps(6, _moneyGoesWhereItMay(is_));
        keeps(7, _word().nonce() >= _had.nonce() + _raised);
        keeps(8, _hubHoldsWhatItOwes(is_));
        keeps(9, _walletsChangeByConsent(is_));
        concluded();
    }

    function _accountsChangeByConsent(Picture memory is_) private view returns (bool) {
        bool named = both(_in == campaign, _of == who);
        bool others = either(named, is_.account == was.account);
        uint256 hold = termsOf(_in).hold();
        bool pendingStays = _word().pending(hold) == _had.pending(hold);
        return both(others, both(pendingStays, either(_word().stays() == _had.stays(), _chosen)));
    }

    function _maturedFallsByConsent() private view returns (bool) {
        uint256 hold = termsOf(_in).hold();
        unchecked {
            return _word().matured(hold) == _had.matured(hold) - _agreed;
        }
    }

    /// @dev To the owner, all of it, once end and grace have passed; otherwise it stays. No number lands, no cap is used.
    function _moneyGoesWhereItMay(Picture memory is_) private view returns (bool) {
        bool rest = both(is_.landed == was.landed, both(is_.operator == was.operator, is_.supply == was.supply));
        bool same = is_.second == was.second;
        if (!_sweeps) return both(rest, same);
        bool over;
        unchecked {
            over = block.timestamp >= was.first.end(was.change) + HubState.GRACE;
        }
        bool swept = both(is_.second.budget() == 0, is_.second.pot() == 0);
        bool may = both(both(over, swept), is_.second.expiry() == was.second.expiry());
        return both(rest, either(both(ours, may), both(!ours, same)));
    }

    /// @dev Its points fall by what the account did; its asset by the price of budget and pot at most.
    function _hubHoldsWhatItOwes(Picture memory is_) private view returns (bool) {
        unchecked {
            bool points = is_.hubPoints == was.hubPoints - _agreed;
            if (!_sweeps) return both(points, is_.hubAsset == was.hubAsset);
            uint256 paid = was.hubAsset - is_.hubAsset;
            return both(points, either(!ours, paid <= (was.second.budget() + was.second.pot()) * par));
        }
    }

    function _walletsChangeByConsent(Picture memory is_) private view returns (bool) {
        unchecked {
            return is_.wallet == was.wallet + _gained;
        }
    }

    function _word() private view returns (uint256) {
        return accountOf(_in, _of);
    }
}
