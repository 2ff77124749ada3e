// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubPromises} from "./HubPromises.sol";
import {both} from "./Symbolic.sol";

/// @title Terms and roles of campaigns, each call by its name
contract HubTermProofs is HubPromises {
    // ---------------------------------------------------------------- terms

    function check_createCampaign(
        uint40 end,
        uint32 hold,
        bool closed,
        uint40 expiry,
        uint16 bonus,
        bytes32 terms
    ) external {
        unchecked {
            does(Way.Nothing, hub.campaignCount() + 1);
        }
        hub.createCampaign(end, hold, closed, expiry, bonus, terms);
        kept();
    }

    function check_scheduleEnd(uint256 id, uint40 end) external {
        does(Way.Schedule, id);
        hub.scheduleEnd(id, end);
        kept();
    }

    function check_scheduleBonus(uint256 id, uint16 bonus) external {
        does(Way.Schedule, id);
        hub.scheduleBonus(id, bonus);
        kept();
    }

    function check_scheduleMerchantOff(uint256 id, address off) external {
        does(Way.Schedule, id);
        hub.scheduleMerchantOff(id, off);
        kept();
    }

    function check_withdrawChange(uint256 id) external {
        does(Way.WithdrawChange, id);
        hub.withdrawChange(id);
        kept();
    }

    // ---------------------------------------------------------------- roles

    function check_offerOwnership(uint256 id, address candidate) external {
        does(Way.OfferOwnership, id);
        hub.offerOwnership(id, candidate);
        kept();
    }

    function check_acceptOwnership(uint256 id) external {
        does(Way.AcceptOwnership, id);
        hub.acceptOwnership(id);
        kept();
    }

    function check_setOperator(uint256 id, address operator, uint96 dailyCap) external {
        does(Way.SetOperator, id);
        hub.setOperator(id, operator, dailyCap);
        kept();
    }

    function check_inviteMerchant(uint256 id, address invited) external {
        does(Way.Nothing, id);
        hub.inviteMerchant(id, invited);
        kept();
    }

    function check_acceptMerchant(uint256 id) external {
        does(Way.AcceptMerchant, id);
        hub.acceptMerchant(id);
        kept();
    }

    function check_setDelegate(address delegate, bool allowed) external {
        does(Way.SetDelegate, 0);
        hub.setDelegate(delegate, allowed);
        kept();
    }

    // -------------------------------------------------------------- promise

    function kept() private {
        Picture memory is_ = picture();
        keepsTermsAndRoles(is_);
        keeps(3, _nothingElseMoves(is_));
        concluded();
    }

    function _nothingElseMoves(Picture memory is_) private view returns (bool) {
        bool campaignStays = both(is_.second == was.second, is_.landed == was.landed);
        bool holderStays = both(is_.account == was.account, is_.wallet == was.wallet);
        bool hubStays = both(is_.hubPoints == was.hubPoints, is_.hubAsset == was.hubAsset);
        return both(both(campaignStays, holderStays), both(hubStays, is_.supply == was.supply));
    }
}
