// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HubPicture} from "./HubPicture.sol";
import {HubState} from "./HubState.sol";
import {both, either, vm} from "./Symbolic.sol";

/// @title What no call of the hub may break: terms and roles
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
        SetDelegate,
        Operate
    }

    Way private _way;
    /// @dev The call names the campaign that is looked at.
    bool internal ours;

    /// @dev Before the call.
    function does(Way way, uint256 id) internal {
        _way = way;
        ours = campaign == id;
        was = picture();
        vm.prank(caller);
    }

    function keepsTermsAndRoles(Picture memory is_) internal {
        keeps(1, _termsStay(is_));
        keeps(2, _rolesByTheirWord(is_));
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
        return both(owned, both(_operatorsByOwner(is_), _merchantsByTheirWord(is_)));
    }

    function _operatorsByOwner(Picture memory is_) private view returns (bool) {
        // What was used today stays counted.
        bool usedStays = is_.operator >> 96 == was.operator >> 96;
        bool capStays = is_.operator.cap() == was.operator.cap();
        bool set = both(_does(Way.SetOperator), both(caller == was.first.owner(), usedStays));
        bool used = both(_does(Way.Operate), both(caller == key, capStays));
        return either(is_.operator == was.operator, either(set, used));
    }

    function _merchantsByTheirWord(Picture memory is_) private view returns (bool) {
        bool joined = both(_does(Way.AcceptMerchant), caller == merchant);
        bool delegated = both(_way == Way.SetDelegate, caller == merchant);
        return both(
            either(_counts(is_) == _counts(was), joined), either(is_.delegate == was.delegate, delegated)
        );
    }

    // -------------------------------------------------------------- helpers

    function _does(Way way) private view returns (bool) {
        return both(_way == way, ours);
    }

    /// @dev Whether `merchant` counts, with a change that is due.
    function _counts(Picture memory p) private view returns (bool) {
        return both(p.accepted == 2, !p.change.putsOff(merchant));
    }
}
