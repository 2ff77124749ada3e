// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Dice} from "./Dice.sol";
import {Digests} from "./Digests.sol";
import {FuzzAsset} from "./FuzzAsset.sol";
import {Holding} from "./Holding.sol";

/// @title What anybody does with the token itself
abstract contract Spending is Holding {
    /// @notice Somebody buys points, or cashes them out.
    function bank(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 face = d.below(8);
        if (face < 2) _mint(d);
        else if (face < 4) _mintBatch(d);
        else if (face < 7) _cashOut(d);
        else _gift(d);
    }

    /// @notice Somebody sends, allows, permits, or cancels what it signed.
    function send(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 face = d.below(12);
        if (face < 3) _transfer(d);
        else if (face < 6) _transferFrom(d);
        else if (face < 8) _transferBatch(d);
        else if (face < 10) _approve(d);
        else if (face < 11) _permit(d);
        else _cancelWallet(d);
    }

    // ---------------------------------------------------------------- asset

    function _mint(Dice memory d) private {
        _buy(_anybody(d), _recipient(d), d.oneIn(12) ? 0 : 1 + d.below(1_000_000));
    }

    function _buy(address from, address to, uint256 points) internal {
        bytes4 refusal = _refused(to) ? ILoyaltyToken.RecipientRefused.selector : _mintRefusal(points);
        if (_call(from, address(token), abi.encodeCall(ILoyaltyToken.mint, (to, points)), refusal)) {
            supply += points;
            _receive(to, points);
        }
    }

    function _mintRefusal(uint256 points) private view returns (bytes4) {
        return points == 0 ? ILoyaltyToken.ZeroAmount.selector : _pulled();
    }

    function _mintBatch(Dice memory d) private {
        (bytes32[] memory entries, uint256 total, bytes4 refusal) = _entries(d, 10_000);
        if (total > 0 && _pulled() != 0) refusal = _pulled();
        bytes memory data = abi.encodeCall(ILoyaltyToken.mintBatch, (entries, total));
        if (!_call(_anybody(d), address(token), data, refusal)) return;
        supply += total;
        _receiveAll(entries);
    }

    function _cashOut(Dice memory d) private {
        address who = _anybody(d);
        address to = d.oneIn(2) ? who : _recipient(d);
        uint256 points = d.some(wallets[who]);
        bytes4 refusal = _moved();
        if (_refused(to)) refusal = ILoyaltyToken.RecipientRefused.selector;
        else if (points == 0) refusal = ILoyaltyToken.ZeroAmount.selector;
        else if (points > wallets[who]) refusal = IERC20Errors.ERC20InsufficientBalance.selector;
        _consent(who, points);
        uint256 before = asset.held(to);
        if (!_call(who, address(token), abi.encodeCall(ILoyaltyToken.cashOut, (points, to)), refusal)) return;
        wallets[who] -= points;
        _cashedOut(to, points);
        bool clear = asset.mode() == FuzzAsset.Mode.Good && to != heir;
        if (clear && asset.held(to) - before != points * par) _break("P1: not paid at par");
    }

    /// @dev By mistake: the contracts neither use it nor lose count because of it.
    function _gift(Dice memory d) private {
        uint256 units = d.below(1e9);
        if (d.oneIn(2)) {
            asset.give(address(token), units);
            strayAtToken += units;
        } else {
            asset.give(address(hub), units);
            strayAtHub += units;
        }
    }

    // -------------------------------------------------------------- sending

    function _transfer(Dice memory d) private {
        address who = _anybody(d);
        address to = _recipient(d);
        uint256 points = d.some(wallets[who]);
        _consent(who, points);
        bytes memory data = abi.encodeCall(IERC20.transfer, (to, points));
        if (!_call(who, address(token), data, _transferRefusal(who, to, points))) return;
        wallets[who] -= points;
        _receive(to, points);
    }

    function _transferRefusal(address who, address to, uint256 points) private view returns (bytes4) {
        if (to == address(0)) return IERC20Errors.ERC20InvalidReceiver.selector;
        return points > wallets[who] ? IERC20Errors.ERC20InsufficientBalance.selector : bytes4(0);
    }

    function _transferFrom(Dice memory d) private {
        address who = _anybody(d);
        address spender = _anybody(d);
        address to = _recipient(d);
        uint256 allowed = allowances[who][spender];
        uint256 points = d.some(wallets[who]);
        if (allowed < points && !d.oneIn(6)) points = allowed;
        bytes4 refusal = _transferRefusal(who, to, points);
        if (points > allowed) refusal = IERC20Errors.ERC20InsufficientAllowance.selector;
        _consent(who, points <= allowed ? points : 0);
        bytes memory data = abi.encodeCall(IERC20.transferFrom, (who, to, points));
        if (!_call(spender, address(token), data, refusal)) return;
        if (allowed != type(uint256).max) allowances[who][spender] -= points;
        wallets[who] -= points;
        _receive(to, points);
    }

    function _transferBatch(Dice memory d) private {
        address who = _anybody(d);
        (bytes32[] memory entries, uint256 total, bytes4 refusal) = _entries(d, 1 + wallets[who] / 3);
        if (total > wallets[who]) refusal = IERC20Errors.ERC20InsufficientBalance.selector;
        _consent(who, total);
        bytes memory data = abi.encodeCall(ILoyaltyToken.transferBatch, (entries, total));
        if (!_call(who, address(token), data, refusal)) return;
        wallets[who] -= total;
        _receiveAll(entries);
    }

    function _approve(Dice memory d) private {
        address who = _anybody(d);
        // Seldom the hub, or entering would become rare.
        address spender = d.oneIn(20) ? address(hub) : d.oneIn(20) ? address(0) : _anybody(d);
        uint256 points = d.oneIn(3) ? type(uint256).max : d.below(5_000);
        bytes4 refusal = spender == address(0) ? IERC20Errors.ERC20InvalidSpender.selector : bytes4(0);
        if (_call(who, address(token), abi.encodeCall(IERC20.approve, (spender, points)), refusal)) {
            allowances[who][spender] = points;
        }
    }

    function _permit(Dice memory d) private {
        address who = d.oneIn(2) ? alice : bob;
        address spender = _anybody(d);
        uint256 points = d.below(5_000);
        uint256 deadline = d.oneIn(8) ? block.timestamp - 1 : block.timestamp + d.below(3600);
        uint256 nonce = walletNonces[who] + (d.oneIn(8) ? 1 : 0);
        bool forged = d.oneIn(8);
        bytes32 order = Digests.permit(who, spender, points, nonce, deadline);
        bytes32 digest = Digests.digest(Digests.domain("Points", address(token)), order);
        (uint8 v, bytes32 r, bytes32 s) = _sign(forged ? stranger : who, digest);
        bytes4 refusal;
        if (forged || nonce != walletNonces[who]) refusal = bytes4(keccak256("ERC2612InvalidSigner(address,address)"));
        if (block.timestamp > deadline) refusal = bytes4(keccak256("ERC2612ExpiredSignature(uint256)"));
        bytes memory data = abi.encodeCall(IERC20Permit.permit, (who, spender, points, deadline, v, r, s));
        if (!_call(_anybody(d), address(token), data, refusal)) return;
        ++walletNonces[who];
        allowances[who][spender] = points;
    }

    function _cancelWallet(Dice memory d) private {
        (Signed memory o, bool found) = _openOrder(d, true);
        address who = found && !d.oneIn(4) ? o.holder : _holder(d);
        if (!_call(who, address(token), abi.encodeCall(ILoyaltyToken.cancel, ()), 0)) return;
        walletNonces[who] += CANCEL_STEP;
        voidBefore[0][who] = signedSoFar;
    }

    // -------------------------------------------------------------- entries

    /// @return entries of up to five lines
    /// @return total what the caller says that they add up to, seldom wrongly
    /// @return refusal of the batch, but for the money
    function _entries(Dice memory d, uint256 most)
        private
        view
        returns (bytes32[] memory entries, uint256 total, bytes4 refusal)
    {
        entries = new bytes32[](d.oneIn(20) ? 0 : 1 + d.below(5));
        for (uint256 i = 0; i < entries.length; ++i) {
            address to = d.oneIn(12) ? _recipient(d) : _anybody(d);
            uint256 points = d.oneIn(40) ? 0 : 1 + d.below(most);
            entries[i] = bytes32(abi.encodePacked(to, uint96(points)));
            total += points;
            if (refusal != 0) continue;
            if (_refused(to)) refusal = ILoyaltyToken.RecipientRefused.selector;
            else if (points == 0) refusal = ILoyaltyToken.ZeroAmount.selector;
        }
        bool wrong = d.oneIn(20);
        if (wrong) total = d.oneIn(2) ? total + 1 : total / 2;
        if (total == 0) refusal = ILoyaltyToken.ZeroAmount.selector;
        else if (wrong && refusal == 0) refusal = ILoyaltyToken.TotalMismatch.selector;
    }

    function _receiveAll(bytes32[] memory entries) private {
        for (uint256 i = 0; i < entries.length; ++i) {
            _receive(address(bytes20(entries[i])), uint96(uint256(entries[i])));
        }
    }
}
