// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {Awarding} from "./Awarding.sol";

/// @title The promises that speak of a state: backing and sums; and the contracts against the model, number by number
abstract contract Ledger is Awarding {
    /// @dev To see that the promises find a fault on their own: what the model foresaw is left out of the verdict.
    bool private immutable _promisesOnly = vm.envOr("FUZZED_PROMISES_ONLY", false);
    string private _differs;

    /// @notice The first thing that was not as it ought to be, or nothing: a promise, then a call that ended otherwise
    /// than foreseen, then a number that is not the model's.
    function verdict() external view returns (string memory) {
        if (bytes(broken).length > 0 || _promisesOnly) return broken;
        if (bytes(unforeseen).length > 0) return string.concat("Unforeseen: ", unforeseen);
        return _differs;
    }

    function _audit(Picture memory p) internal override {
        uint256 hubPoints = token.balanceOf(address(hub));
        _pointsAreBacked(p);
        _balancesAreTheSupply(p, hubPoints);
        _hubHoldsWhatItOwes(p, hubPoints);
        if (bytes(_differs).length == 0) _differs = _difference(p);
    }

    /// @dev Gifts by mistake do not count as backing here, so that they hide nothing.
    function _pointsAreBacked(Picture memory p) private {
        if (asset.held(address(token)) < par * p.supply + strayAtToken) _break("P1: a point is not backed");
    }

    function _balancesAreTheSupply(Picture memory p, uint256 hubPoints) private {
        uint256 sum = hubPoints + token.balanceOf(address(token));
        for (uint256 i = 0; i < people.length; ++i) {
            sum += p.wallets[i];
        }
        if (sum != p.supply) _break("P2: balances are not the supply");
    }

    function _hubHoldsWhatItOwes(Picture memory p, uint256 hubPoints) private {
        if (hubPoints != _sumOfAccounts(p) + strayPoints) _break("P3: the hub's points are not the accounts'");
        bool funded = asset.held(address(hub)) == par * _sumOfFunds(p) + strayAtHub;
        if (!funded) _break("P3: the hub's asset is not the funds'");
    }

    function _sumOfAccounts(Picture memory p) private pure returns (uint256 points) {
        for (uint256 i = 0; i < p.accounts.length; ++i) {
            for (uint256 j = 0; j < p.accounts[i].length; ++j) {
                points += p.accounts[i][j].matured + p.accounts[i][j].pending;
            }
        }
    }

    function _sumOfFunds(Picture memory p) private pure returns (uint256 points) {
        for (uint256 i = 0; i < p.campaigns.length; ++i) {
            points += uint256(p.campaigns[i].budget) + p.campaigns[i].pot;
        }
    }

    // ---------------------------------------------------- against the model

    function _difference(Picture memory p) private view returns (string memory) {
        if (p.supply != supply) return "Model: supply";
        if (asset.held(address(token)) != par * supply + strayAtToken) return "Model: asset of the token";
        if (asset.held(TREASURY) != fees) return "Model: fees";
        if (token.balanceOf(address(token)) != wallets[address(token)]) return "Model: points lost at the token";
        for (uint256 i = 0; i < people.length; ++i) {
            if (p.wallets[i] != wallets[people[i]]) return "Model: a wallet";
            if (p.nonces[i] != walletNonces[people[i]]) return "Model: a wallet's nonce";
        }
        for (uint256 i = 0; i < p.campaigns.length; ++i) {
            if (!_sameTerms(i + 1, p.campaigns[i])) return "Model: terms or money of a campaign";
            for (uint256 j = 0; j < holders.length; ++j) {
                if (!_sameAccount(i + 1, holders[j], p.accounts[i][j])) return "Model: an account";
            }
        }
        return _samePeople(1 + landed.length % campaigns);
    }

    function _sameTerms(uint256 id, ICampaignHub.Campaign memory c) private view returns (bool) {
        Terms storage t = terms[id];
        bool fixed_ = c.hold == t.hold && c.closed == t.closed && c.expiry == t.expiry;
        bool varying = c.owner == t.owner && c.end == t.end && c.bonus == t.bonus;
        return fixed_ && varying && c.budget == t.budget && c.pot == t.pot;
    }

    function _sameAccount(uint256 id, address who, ICampaignHub.Account memory a) private view returns (bool) {
        Purse storage p = purse(id, who);
        (uint256 pending, uint256 next) = held(id, who);
        bool points = a.matured == free(id, who) && a.pending == pending && a.nextMaturity == next;
        return points && a.nonce == p.nonce && a.stay == p.stay;
    }

    /// @dev One campaign a step; what is read here changes seldom.
    function _samePeople(uint256 id) private view returns (string memory) {
        ICampaignHub.Change memory c = hub.pendingChange(id);
        Terms storage t = terms[id];
        bool announced = uint8(c.kind) == uint8(t.announced);
        if (announced && t.announced != Announced.Nothing) announced = c.effectiveAt == t.due && c.value == t.value;
        if (!announced) return "Model: an announced change";
        if (!_sameMerchant(id, baker) || !_sameMerchant(id, accomplice)) return "Model: a merchant";
        return _sameKey(id, keyOne) && _sameKey(id, keyTwo) ? "" : "Model: an operator";
    }

    function _sameMerchant(uint256 id, address who) private view returns (bool) {
        return hub.isMerchant(id, who) == (standing[id][who] == Standing.Accepted);
    }

    function _sameKey(uint256 id, address key) private view returns (bool) {
        (uint256 cap, uint256 gone) = hub.operator(id, key);
        return cap == caps[id][key] && gone == used[id][key][today()];
    }
}
