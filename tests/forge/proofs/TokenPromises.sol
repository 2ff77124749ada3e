// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Digests} from "../invariants/Digests.sol";
import {AnyAsset} from "./AnyAsset.sol";
import {Signing} from "./Signing.sol";
import {both, either, svm, vm} from "./Symbolic.sol";

/// @title What no call of the token may break
/// @dev `who` is anybody, `caller` too. What `who` agreed to by signature or allowance is added up in `agreed`.
abstract contract TokenPromises is Signing {
    struct Picture {
        uint256 supply;
        uint256 asset;
        uint256 wallet;
        uint256 nonce;
        uint256 allowance;
    }

    ILoyaltyToken internal token;
    AnyAsset internal asset;
    uint256 internal par;
    bytes32 internal domain;

    address internal caller;
    address internal who;
    address internal spender;

    Picture private _was;
    address[2] private _payers;
    uint256[2] private _paid;

    uint256 internal gained;
    uint256 internal lost;
    uint256 internal agreed;
    uint256 internal orders;
    bool internal permitted;

    /// @dev Points that the call mints or cashes out.
    uint256 internal moved;
    bool internal paysIn;
    bool internal paysOut;

    function setUp() public {
        vm.warp(svm.createUint(40, "now"));
        par = svm.createUint256("par");
        vm.assume(par > 0);
        asset = new AnyAsset();
        svm.enableSymbolicStorage(address(asset));
        _setUpSigning();
        token = ILoyaltyToken(deploy("PROVED_TOKEN", abi.encode("Points", "PTS", asset, par)));
        domain = Digests.domain("Points", address(token));
        caller = svm.createAddress("caller");
        who = svm.createAddress("who");
        spender = svm.createAddress("spender");
        // The token calls the asset and contract wallets only.
        vm.assume(caller != address(token));
    }

    // ------------------------------------------------------------- the call

    /// @dev Before the call. The prover follows `who` being this one and being another apart.
    function meets(address someone) internal {
        if (who == someone) who = someone;
    }

    /// @param a, b who may pay points in this call
    function before(address a, address b) internal {
        (_payers, _paid) = ([a, b], [token.balanceOf(a), token.balanceOf(b)]);
        _was = _picture();
        vm.prank(caller);
    }

    /// @dev These wallets are some of those that add up to the supply.
    function _assumeSum() private view {
        unchecked {
            uint256 sum = _was.wallet;
            if (_payers[0] != who) sum += _paid[0];
            if (_payers[1] != who && _payers[1] != _payers[0]) sum += _paid[1];
            vm.assume(sum <= _was.supply);
        }
    }

    function gains(address wallet, uint256 points) internal {
        unchecked {
            if (wallet == who) gained += points;
        }
    }

    function loses(address wallet, uint256 points) internal {
        unchecked {
            if (wallet == who) lost += points;
        }
    }

    /// @dev `who` agrees to lose `amount` when `word` is its word.
    function agree(bool word, uint256 amount) internal {
        if (!word) return;
        unchecked {
            agreed += amount;
            ++orders;
        }
    }

    function mints(uint256 points) internal {
        (moved, paysIn) = (points, true);
    }

    function cashesOut(uint256 points) internal {
        (moved, paysOut) = (points, true);
    }

    function kept() internal {
        _assumeSum();
        Picture memory was = _was;
        Picture memory is_ = _picture();
        keeps(1, _walletFallsByConsent(was, is_));
        keeps(2, _allowanceRisesByConsent(was, is_));
        keeps(3, _pointsAreBacked(was, is_));
        keeps(4, _balancesAreTheSupply(was, is_));
        keeps(5, _noncesOnlyRise(was, is_));
        concluded();
    }

    // ------------------------------------------------------------- promises

    function _walletFallsByConsent(Picture memory was, Picture memory is_) private view returns (bool) {
        unchecked {
            return either(who == caller, either(is_.wallet >= was.wallet, was.wallet - is_.wallet <= agreed));
        }
    }

    function _allowanceRisesByConsent(Picture memory was, Picture memory is_) private view returns (bool) {
        return either(either(who == caller, permitted), is_.allowance <= was.allowance);
    }

    /// @dev What is minted was paid, what was paid out is burned, at par, and no product was cut off.
    function _pointsAreBacked(Picture memory was, Picture memory is_) private view returns (bool) {
        if (!paysIn && !paysOut) return both(is_.supply == was.supply, is_.asset >= was.asset);
        unchecked {
            uint256 price = moved * par;
            bool whole = price / moved == par;
            bool exact = paysIn
                ? both(is_.supply == was.supply + moved, is_.asset == was.asset + price)
                : both(is_.supply == was.supply - moved, was.asset - is_.asset <= price);
            return both(whole, exact);
        }
    }

    /// @dev Each wallet changes by what the call names for it, to the point, so all of them by what the supply does.
    function _balancesAreTheSupply(Picture memory was, Picture memory is_) private view returns (bool) {
        uint256 minted = paysIn ? moved : 0;
        uint256 burned = paysOut ? moved : 0;
        unchecked {
            return both(is_.supply == was.supply + minted - burned, is_.wallet == was.wallet + gained - lost);
        }
    }

    /// @dev By one at least for each order, so that it counts once.
    function _noncesOnlyRise(Picture memory was, Picture memory is_) private view returns (bool) {
        unchecked {
            return both(is_.nonce <= type(uint32).max, is_.nonce >= was.nonce + orders);
        }
    }

    // ------------------------------------------------------------- pictures

    function _picture() private view returns (Picture memory) {
        return Picture({
            supply: token.totalSupply(),
            asset: asset.balanceOf(address(token)),
            wallet: token.balanceOf(who),
            nonce: token.nonces(who),
            allowance: token.allowance(who, spender)
        });
    }

    /// @dev It is the turn of an order of `who`, in time.
    function due(address holder, uint256 nonce, uint256 deadline) internal view returns (bool) {
        unchecked {
            return both(holder == who, both(nonce == _was.nonce + orders, block.timestamp <= deadline));
        }
    }

    function nonceBefore() internal view returns (uint256) {
        return _was.nonce;
    }
    function allowanceBefore() internal view returns (uint256) {
        return _was.allowance;
    }
}
