// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Artifacts} from "./Artifacts.sol";
import {Digests} from "./Digests.sol";
import {FuzzAsset} from "./FuzzAsset.sol";

/// @notice A contract wallet that burns all gas it is given before it answers.
contract Burner {
    fallback() external {
        while (true) {}
    }
}

/// @title What the worst holder of each key gets, to the point (docs/threat-model.md)
contract AttacksTest is CommonBase, StdAssertions {
    uint256 private constant PAR = 7;
    uint256 private constant HOLD = 14 days;
    uint256 private constant GRACE = 7 days;
    uint96 private constant CAP = 1_000;

    FuzzAsset private _asset;
    ILoyaltyToken private _token;
    ICampaignHub private _hub;
    uint256 private _batches;

    uint256 private constant MOVER_KEY = 0xBAD;
    address private _mover = vm.addr(MOVER_KEY);
    address private constant OWNER = address(0x0B05);
    address private constant KEY = address(0x0E1);
    address private constant HOLDER = address(0xA11CE);
    address private constant STRANGER = address(0x57A);

    function setUp() external {
        vm.warp(HOLD * 1_000);
        _asset = new FuzzAsset();
        _token = ILoyaltyToken(Artifacts.deploy("LoyaltyToken", abi.encode("Points", "PTS", address(_asset), PAR)));
        _hub = ICampaignHub(Artifacts.deploy("CampaignHub", abi.encode(address(_token), address(0x7EA5), 100)));
        _asset.give(OWNER, 1e12);
        vm.prank(OWNER);
        _asset.approve(address(_hub), 1e12);
    }

    function _campaign(uint256 hold, uint16 bonus, uint256 budget, uint256 pot) private returns (uint256 id) {
        uint256 end = block.timestamp + 60 days;
        uint256 expiry = bonus > 0 ? end + 2 * hold + 90 days : 0;
        vm.startPrank(OWNER);
        id = _hub.createCampaign(uint40(end), uint32(hold), bonus > 0, uint40(expiry), bonus, 0);
        _hub.setOperator(id, KEY, CAP);
        _hub.fund(id, budget, pot);
        vm.stopPrank();
    }

    function _line(address to, uint256 points) private pure returns (bytes32[] memory lines) {
        lines = new bytes32[](1);
        lines[0] = bytes32(abi.encodePacked(to, uint96(points)));
    }

    function _award(address key, uint256 id, address to, uint256 points) private {
        vm.prank(key);
        _hub.awardBatch(id, _batches++, _line(to, points));
    }

    function _mint(address to, uint256 points) private {
        _asset.give(address(this), points * PAR);
        _asset.approve(address(_token), points * PAR);
        _token.mint(to, points);
    }

    // ----------------------------------------------------------------- keys

    /// @notice Two caps within a second, at midnight; then no more until the next.
    function test_aStolenOperatorKeyIsWorthTwoCapsAtOnce() external {
        uint256 id = _campaign(0, 0, 10 * CAP, 0);
        vm.warp((block.timestamp / 1 days + 1) * 1 days - 1);
        _award(KEY, id, STRANGER, CAP);
        vm.warp(block.timestamp + 1);
        _award(KEY, id, STRANGER, CAP);
        vm.warp(block.timestamp + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(ICampaignHub.OverDailyCap.selector, 1, 0));
        _award(KEY, id, STRANGER, 1);
        vm.prank(OWNER);
        _hub.setOperator(id, KEY, 0);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(ICampaignHub.NotOperator.selector, KEY));
        _award(KEY, id, STRANGER, 1);
        assertEq(_token.balanceOf(STRANGER), 2 * CAP);
    }

    /// @notice The owner's key names a key of its own: all that is not awarded or not matured, in one block, no more.
    function test_theOwnersKeyIsWorthTheBudgetAndWhatIsPending() external {
        uint256 id = _campaign(HOLD, 0, 5_000, 0);
        _award(KEY, id, HOLDER, 300);
        vm.warp(block.timestamp + 2 * HOLD);
        _award(KEY, id, HOLDER, 200);
        vm.prank(OWNER);
        _hub.setOperator(id, STRANGER, type(uint96).max);
        vm.prank(STRANGER);
        _hub.clawbackBatch(id, _batches++, _line(HOLDER, type(uint96).max));
        _award(STRANGER, id, STRANGER, 4_700);
        assertEq(_hub.campaign(id).budget, 0);
        assertEq(_hub.account(id, HOLDER).matured, 300, "what matured stays");
        assertEq(_hub.account(id, HOLDER).pending, 0);
    }

    /// @notice A mover and a merchant turn the pot into wallet points, and nothing but the pot.
    function test_aMoverAndAMerchantAreWorthThePot() external {
        uint256 id = _campaign(0, 10_000, 0, 700);
        vm.prank(OWNER);
        _hub.inviteMerchant(id, STRANGER);
        vm.prank(STRANGER);
        _hub.acceptMerchant(id);
        _mint(_mover, 400);
        uint256 before = _token.balanceOf(_mover) + _token.balanceOf(STRANGER);
        for (uint256 turn = 0; turn < 3; ++turn) {
            uint256 points = _token.balanceOf(_mover);
            vm.startPrank(_mover);
            _token.approve(address(_hub), points);
            _hub.enter(id, points, 0);
            vm.stopPrank();
            _spendAll(id, STRANGER);
            vm.prank(STRANGER);
            _token.transfer(_mover, 400);
        }
        assertEq(_hub.campaign(id).pot, 0);
        assertEq(_token.balanceOf(_mover) + _token.balanceOf(STRANGER), before + 700);
    }

    function _spendAll(uint256 id, address merchant) private {
        ICampaignHub.Account memory account = _hub.account(id, _mover);
        ICampaignHub.Order memory order;
        order.holder = _mover;
        order.amount = account.matured;
        order.nonce = account.nonce;
        order.deadline = block.timestamp;
        order.commitment = bytes32(uint256(1));
        bytes32[2] memory what;
        bytes32 hash = Digests.spending(_mover, id, merchant, order.amount, what, order.nonce, order.deadline);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(MOVER_KEY, Digests.digest(_domain(), hash));
        vm.prank(merchant);
        _hub.spend(id, merchant, order, abi.encodePacked(r, s, v));
    }

    function _domain() private view returns (bytes32) {
        return Digests.domain("CampaignHub", address(_hub));
    }

    /// @notice What was moved into a closed loop and not spent there is the owner's in the end, principal too.
    function test_closedLoopPrincipalThatNobodyServesIsTheOwners() external {
        uint256 id = _campaign(0, 10_000, 0, 50);
        _mint(HOLDER, 100);
        vm.startPrank(HOLDER);
        _token.approve(address(_hub), 100);
        _hub.enter(id, 100, 150);
        vm.stopPrank();
        address[] memory holders = new address[](1);
        holders[0] = HOLDER;
        uint256 expiry = _hub.campaign(id).expiry;
        vm.warp(expiry + GRACE - 1);
        vm.expectRevert(abi.encodeWithSelector(ICampaignHub.NotYet.selector, expiry + GRACE));
        _hub.expire(id, holders);
        vm.warp(expiry + GRACE);
        uint256 before = _asset.held(OWNER);
        _hub.expire(id, holders);
        _hub.sweep(id);
        assertEq(_asset.held(OWNER) - before, 150 * PAR);
    }

    // ---------------------------------------------------------------- limits

    /// @notice Periods are counted in 32 bits: with the shortest hold an account stops in February 2106.
    function test_aHoldOfOneSecondEndsIn2106() external {
        uint256 id = _campaign(1, 0, 100, 0);
        _award(KEY, id, HOLDER, 100);
        address[] memory holders = new address[](1);
        holders[0] = HOLDER;
        vm.warp(uint256(type(uint32).max) + 1);
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 32, uint256(1) << 32));
        _hub.release(id, holders);
        vm.warp(type(uint32).max);
        _hub.release(id, holders);
        assertEq(_token.balanceOf(HOLDER), 100);
    }

    /// @notice A contract wallet takes the gas that the relayer gave, and nothing happens.
    function test_aContractWalletBurnsItsRelayersGas() external {
        address burner = address(new Burner());
        _mint(burner, 10);
        vm.expectRevert(abi.encodeWithSelector(ILoyaltyToken.BadSignature.selector, burner));
        _token.transferBySig{gas: 300_000}(burner, STRANGER, 10, 0, block.timestamp, "");
        assertEq(_token.nonces(burner), 0);
    }

    /// @notice Numbers of campaigns are given in the chain's order: another order after a reorganisation, other owners.
    function test_aReorganisationMaySwapCampaigns() external {
        uint256 before = vm.snapshotState();
        uint256 ours = _campaign(0, 0, 1, 0);
        vm.revertToState(before);
        vm.prank(STRANGER);
        uint256 theirs = _hub.createCampaign(uint40(block.timestamp + 1 days), 0, false, 0, 0, 0);
        assertEq(ours, theirs);
        assertEq(_hub.campaign(ours).owner, STRANGER);
    }
}
