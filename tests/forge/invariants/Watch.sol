// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {World} from "./World.sol";

/// @title The promises that speak of one step: what may fall, on whose word, and what may never go back
/// @dev Looks at the contracts before and after each step; knows of the model only whose word was given.
abstract contract Watch is World {
    struct Picture {
        uint256[] wallets;
        uint256[] nonces;
        ICampaignHub.Campaign[] campaigns;
        ICampaignHub.Account[][] accounts;
        uint256 supply;
        uint256 asked;
    }

    struct Landed {
        uint256 id;
        uint256 number;
    }

    uint256 private _steps;
    mapping(uint256 step => mapping(address => uint256)) private _walletMayFall;
    mapping(uint256 step => mapping(uint256 id => mapping(address => uint256))) private _accountMayFall;
    bool private _releasing;
    bool private _paying;
    Landed[] internal landed;

    /// @dev The picture after the last step: reading everything anew would take half of the time.
    bytes private _last;

    modifier step() {
        vm.warp(clock);
        bringUpToDate();
        verb = 0;
        _;
        _settleReentry();
        _look();
    }

    function _look() internal {
        Picture memory now_ = _picture();
        _audit(now_);
        if (_last.length > 0) _watch(abi.decode(_last, (Picture)), now_);
        _last = abi.encode(now_);
        _forget();
    }

    /// @dev The promises that speak of a state.
    function _audit(Picture memory now_) internal virtual;

    function _settleReentry() internal virtual;

    // ----------------------------------------------------------- whose word

    /// @dev The holder itself called, signed, or let somebody spend.
    function _consent(address who, uint256 points) internal {
        _walletMayFall[_steps][who] += points;
    }

    function _consent(uint256 id, address who, uint256 points) internal {
        _accountMayFall[_steps][id][who] += points;
    }

    function _releases() internal {
        _releasing = true;
    }

    /// @dev Within the step a merchant was paid, too: that is no trade.
    function _paysFromClosed() internal {
        _paying = true;
    }

    function _forget() private {
        (_releasing, _paying) = (false, false);
        ++_steps;
    }

    // -------------------------------------------------------------- picture

    function _picture() internal view returns (Picture memory p) {
        p.wallets = new uint256[](people.length);
        p.nonces = new uint256[](people.length);
        for (uint256 i = 0; i < people.length; ++i) {
            p.wallets[i] = token.balanceOf(people[i]);
            p.nonces[i] = token.nonces(people[i]);
        }
        p.campaigns = new ICampaignHub.Campaign[](campaigns);
        p.accounts = new ICampaignHub.Account[][](campaigns);
        for (uint256 i = 0; i < campaigns; ++i) {
            p.campaigns[i] = hub.campaign(i + 1);
            p.accounts[i] = new ICampaignHub.Account[](holders.length);
            for (uint256 j = 0; j < holders.length; ++j) {
                p.accounts[i][j] = hub.account(i + 1, holders[j]);
            }
        }
        p.supply = token.totalSupply();
        p.asked = asset.asked();
    }

    function _watch(Picture memory before, Picture memory now_) private {
        _walletsFallByConsent(before, now_);
        for (uint256 i = 0; i < before.campaigns.length; ++i) {
            _accountsFallByConsent(i, before, now_);
            if (before.campaigns[i].closed) _closedLoopStaysClosed(i, before, now_);
            if (before.campaigns[i].expiry != now_.campaigns[i].expiry) _break("P10: expiry changed");
        }
        if (_isTrade() && !_paying) _tradeRaisesNothing(before, now_);
        _moneyGoesWhereItMay(before, now_);
        _nothingGoesBack(before, now_);
        if (before.asked != now_.asked && !_mayTouchAsset(before, now_)) _break("P12: asset touched");
    }

    // ------------------------------------------------------------- promises

    function _walletsFallByConsent(Picture memory before, Picture memory now_) private {
        for (uint256 i = 0; i < people.length; ++i) {
            if (before.wallets[i] > now_.wallets[i] + _walletMayFall[_steps][people[i]]) {
                _break("P4: a wallet fell without its holder's word");
            }
        }
    }

    function _accountsFallByConsent(uint256 i, Picture memory before, Picture memory now_) private {
        for (uint256 j = 0; j < holders.length; ++j) {
            ICampaignHub.Account memory was = before.accounts[i][j];
            uint256 left = _total(now_.accounts[i][j]);
            if (left >= _total(was)) continue;
            uint256 fall = _total(was) - left;
            if (fall <= _accountMayFall[_steps][i + 1][holders[j]]) continue;
            if (verb == ICampaignHub.clawbackBatch.selector && fall <= was.pending) continue;
            if (verb == ICampaignHub.expire.selector && _canExpire(before.campaigns[i])) continue;
            if (_releasing && !was.stay && fall <= was.matured && _received(holders[j], before, now_) >= fall) continue;
            _break("P5: an account fell without its holder's word");
        }
    }

    function _closedLoopStaysClosed(uint256 i, Picture memory before, Picture memory now_) private {
        uint256 fell;
        for (uint256 j = 0; j < holders.length; ++j) {
            uint256 left = _total(now_.accounts[i][j]);
            uint256 was = _total(before.accounts[i][j]);
            if (left < was) fell += was - left;
        }
        if (fell == 0) return;
        uint256 arrived;
        if (now_.campaigns[i].budget > before.campaigns[i].budget) {
            arrived = now_.campaigns[i].budget - before.campaigns[i].budget;
        }
        for (uint256 j = 0; j < people.length; ++j) {
            if (standing[i + 1][people[j]] == Standing.Accepted) arrived += _received(people[j], before, now_);
        }
        if (arrived < fell) _break("P6: closed-loop points went elsewhere than to a merchant or the budget");
    }

    function _tradeRaisesNothing(Picture memory before, Picture memory now_) private {
        if (_freePoints(now_, before.campaigns.length) > _freePoints(before, before.campaigns.length)) {
            _break("P7: a trade raised what can be cashed out");
        }
    }

    function _moneyGoesWhereItMay(Picture memory before, Picture memory now_) private {
        uint256 raised = now_.supply > before.supply ? now_.supply - before.supply : 0;
        for (uint256 i = 0; i < before.campaigns.length; ++i) {
            ICampaignHub.Campaign memory was = before.campaigns[i];
            ICampaignHub.Campaign memory is_ = now_.campaigns[i];
            if (verb == ICampaignHub.sweep.selector) {
                bool fell = is_.budget < was.budget || is_.pot < was.pot;
                if (fell && block.timestamp < uint256(was.end) + WEEK) _break("P8: swept before the end");
                continue;
            }
            if (is_.budget < was.budget) {
                bool paid = verb == ICampaignHub.awardBatch.selector && was.budget - is_.budget == raised;
                if (!paid) _break("P8: budget paid for something else than awards");
            }
            if (is_.pot < was.pot) {
                if (!_isEntry() || was.pot - is_.pot != raised) _break("P8: pot paid for something else than bonuses");
            }
        }
    }

    function _nothingGoesBack(Picture memory before, Picture memory now_) private {
        for (uint256 i = 0; i < people.length; ++i) {
            if (now_.nonces[i] < before.nonces[i]) _break("P10: a wallet's nonce went back");
        }
        for (uint256 i = 0; i < before.campaigns.length; ++i) {
            for (uint256 j = 0; j < holders.length; ++j) {
                if (now_.accounts[i][j].nonce < before.accounts[i][j].nonce) _break("P10: an account's nonce went back");
            }
        }
        // A few a step; which ones changes with the clock.
        for (uint256 i = 0; i < landed.length && i < 3; ++i) {
            Landed storage batch = landed[(clock + i) % landed.length];
            if (!hub.landed(batch.id, batch.number)) _break("P10: a batch number became free again");
        }
    }

    function _mayTouchAsset(Picture memory before, Picture memory now_) private view returns (bool) {
        if (_isEntry()) {
            for (uint256 i = 0; i < before.campaigns.length; ++i) {
                if (now_.campaigns[i].pot < before.campaigns[i].pot) return true;
            }
            return false;
        }
        return verb == ILoyaltyToken.mint.selector || verb == ILoyaltyToken.mintBatch.selector
            || verb == ILoyaltyToken.cashOut.selector || verb == ILoyaltyToken.cashOutBySig.selector
            || verb == ICampaignHub.fund.selector || verb == ICampaignHub.sweep.selector
            || verb == ICampaignHub.awardBatch.selector || verb == ICampaignHub.clawbackBatch.selector
            || verb == ICampaignHub.expire.selector;
    }

    // -------------------------------------------------------------- reading

    function _isEntry() private view returns (bool) {
        return verb == ICampaignHub.enter.selector || verb == ICampaignHub.enterBySig.selector
            || verb == ICampaignHub.move.selector || verb == ICampaignHub.moveBySig.selector;
    }

    function _isTrade() private view returns (bool) {
        return _isEntry() || verb == ICampaignHub.leave.selector || verb == ICampaignHub.leaveBySig.selector
            || verb == ICampaignHub.release.selector;
    }

    function _canExpire(ICampaignHub.Campaign memory c) private view returns (bool) {
        return c.closed && block.timestamp >= uint256(c.expiry) + WEEK;
    }

    function _total(ICampaignHub.Account memory account) private pure returns (uint256) {
        return account.matured + account.pending;
    }

    /// @dev What came into the wallet, when its holder let go of all that it gave its word for in the same step.
    function _received(address who, Picture memory before, Picture memory now_) private view returns (uint256) {
        for (uint256 i = 0; i < people.length; ++i) {
            if (people[i] != who) continue;
            uint256 most = now_.wallets[i] + _walletMayFall[_steps][who];
            return most > before.wallets[i] ? most - before.wallets[i] : 0;
        }
        return 0;
    }

    /// @dev Points in wallets and in accounts of the first `count` campaigns from which they can leave.
    function _freePoints(Picture memory p, uint256 count) private view returns (uint256 points) {
        for (uint256 i = 0; i < people.length; ++i) {
            points += p.wallets[i];
        }
        for (uint256 i = 0; i < count; ++i) {
            if (p.campaigns[i].closed) continue;
            for (uint256 j = 0; j < holders.length; ++j) {
                points += _total(p.accounts[i][j]);
            }
        }
    }
}
