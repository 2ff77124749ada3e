// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubPicture} from "./HubPicture.sol";
import {HubState} from "./HubState.sol";
import {both, either, vm} from "./Symbolic.sol";

/// @title What no call about terms and roles may break
abstract contract HubPromises is HubPicture {
    using HubState for uint256;

    /// @dev What a call may do to terms and roles; everything else only leaves them as they are.
    enum Way {
        Nothing,
        Schedule,
        WithdrawChange,
        OfferOwnership,
        AcceptOwnership,
        SetOperator,
        AcceptMerchant,
        SetDelegate
    }

    Way private _way;
    /// @dev The call names the campaign that is looked at.
    bool private _named;

    /// @dev Before the call. The prover follows the named campaign and any other apart.
    function does(Way way, uint256 id) internal {
        _way = way;
        if (campaign == id) (campaign, _named) = (id, true);
        was = picture();
        vm.prank(caller);
    }

    function kept() internal {
        Picture memory is_ = picture();
        keeps(1, _termsStay(is_));
        keeps(2, _rolesByTheirWord(is_));
        keeps(3, _nothingElseMoves(is_));
        concluded();
    }

    // ------------------------------------------------------------- promises

    function _termsStay(Picture memory is_) private view returns (bool) {
        bool never = both(is_.first.fixedTerms() == was.first.fixedTerms(), is_.terms == was.terms);
        bool now_ = both(
            is_.first.end(is_.change) == was.first.end(was.change),
            is_.first.bonus(is_.change) == was.first.bonus(was.change)
        );
        bool byOwner = caller == was.first.owner();
        bool noneWas = either(was.change.kind() == 0, was.change.isDue());
        bool inTime;
        unchecked {
            inTime = is_.change.effectiveAt() == block.timestamp + HubState.GRACE;
        }
        bool announced = both(_does(Way.Schedule), both(both(byOwner, noneWas), inTime));
        bool withdrawn = both(_does(Way.WithdrawChange), byOwner);
        bool gone = both(is_.change.kind() == 0, either(noneWas, withdrawn));
        return both(both(never, now_), either(is_.change == was.change, either(announced, gone)));
    }

    function _rolesByTheirWord(Picture memory is_) private view returns (bool) {
        address owner = was.first.owner();
        bool offered = both(_does(Way.OfferOwnership), caller == owner);
        bool accepted =
            both(_does(Way.AcceptOwnership), both(caller == was.candidate, is_.first.owner() == caller));
        bool owned = both(
            either(is_.first.owner() == owner, accepted),
            either(is_.candidate == was.candidate, either(offered, accepted))
        );
        // What was used today stays counted.
        bool set = both(_does(Way.SetOperator), both(caller == owner, is_.operator >> 96 == was.operator >> 96));
        bool joined = both(_does(Way.AcceptMerchant), caller == merchant);
        bool named = both(_way == Way.SetDelegate, caller == merchant);
        bool others = both(
            either(is_.operator == was.operator, set),
            both(either(_counts(is_) == _counts(was), joined), either(is_.delegate == was.delegate, named))
        );
        return both(owned, others);
    }

    function _nothingElseMoves(Picture memory is_) private view returns (bool) {
        bool campaignStays = both(is_.second == was.second, is_.landed == was.landed);
        bool holderStays = both(is_.account == was.account, is_.wallet == was.wallet);
        bool hubStays = both(is_.hubPoints == was.hubPoints, is_.hubAsset == was.hubAsset);
        return both(both(campaignStays, holderStays), both(hubStays, is_.supply == was.supply));
    }

    // -------------------------------------------------------------- helpers

    function _does(Way way) private view returns (bool) {
        return both(_way == way, _named);
    }

    /// @dev Whether `merchant` counts, with a change that is due.
    function _counts(Picture memory p) private view returns (bool) {
        bool off = both(both(p.change.kind() == 3, p.change.isDue()), p.change.value() == uint160(merchant));
        return both(p.accepted == 2, !off);
    }
}
