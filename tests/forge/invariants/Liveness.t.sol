// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {StdUtils} from "forge-std/StdUtils.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {ContractWallet} from "../../../contracts/test/ContractWallet.sol";
import {Artifacts} from "./Artifacts.sol";
import {Digests} from "./Digests.sol";
import {FuzzAsset} from "./FuzzAsset.sol";

/// @title With owner, operator and merchant hostile or gone, every holder gets through
/// @dev Each test has three parts. Liveness: the call succeeds, whatever the others did. Effect: exactly what was asked for.
/// No side effect: nobody else's wallet, account or money moved.
contract LivenessTest is CommonBase, StdAssertions, StdUtils {
    uint256 private constant PAR = 10_000;
    uint256 private constant HOLD = 14 days;
    uint256 private constant GRACE = 7 days;
    uint256 private constant MOST = 1e9;

    struct Snapshot {
        uint256 supply;
        uint256 other;
        uint256 otherAccount;
        uint256 otherClosed;
        uint256 hubPoints;
        uint256 hubAsset;
        uint256 budgets;
    }

    FuzzAsset private _asset;
    ILoyaltyToken private _token;
    ICampaignHub private _hub;
    uint256 private _open;
    uint256 private _closed;
    uint256 private _batches;

    uint256 private constant HOLDER_KEY = 0xA11CE;
    address private _holder = vm.addr(HOLDER_KEY);
    address private _vault = address(new ContractWallet(_holder));
    address private constant OTHER = address(0x07E2);
    address private constant OWNER = address(0x0B05);
    address private constant KEY = address(0x0E1);
    address private constant MERCHANT = address(0x3E2C);
    address private constant STRANGER = address(0x57A);
    address private constant FRESH = address(0xF2E5);

    function setUp() external {
        vm.warp(HOLD * 100_000);
        _asset = new FuzzAsset();
        bytes memory arguments = abi.encode("Points", "PTS", address(_asset), PAR);
        _token = ILoyaltyToken(Artifacts.deploy("LoyaltyToken", arguments));
        _hub = ICampaignHub(Artifacts.deploy("CampaignHub", abi.encode(address(_token), STRANGER, 0)));
        _open = _campaign(false);
        _closed = _campaign(true);
        _award(_open, OTHER, 1_000);
        _award(_closed, OTHER, 1_000);
        _mint(OTHER, 1_000);
    }

    function _campaign(bool closed) private returns (uint256 id) {
        uint256 end = block.timestamp + 10 * HOLD;
        uint256 expiry = closed ? end + 2 * HOLD + 90 days : 0;
        vm.startPrank(OWNER);
        id = _hub.createCampaign(uint40(end), uint32(HOLD), closed, uint40(expiry), 0, 0);
        _hub.setOperator(id, KEY, type(uint96).max);
        _hub.inviteMerchant(id, MERCHANT);
        _asset.give(OWNER, 10 * MOST * PAR);
        _asset.approve(address(_hub), type(uint256).max);
        _hub.fund(id, 5 * MOST, 0);
        vm.stopPrank();
        vm.prank(MERCHANT);
        _hub.acceptMerchant(id);
    }

    function _award(uint256 id, address to, uint256 points) private {
        bytes32[] memory lines = new bytes32[](1);
        lines[0] = bytes32(abi.encodePacked(to, uint96(points)));
        vm.prank(KEY);
        _hub.awardBatch(id, 1_000 + _batches++, lines);
    }

    function _mint(address to, uint256 points) private {
        _asset.give(address(this), points * PAR);
        _asset.approve(address(_token), points * PAR);
        _token.mint(to, points);
    }

    /// @dev Everything that an owner, its keys and its merchants can do against holders, at once; then they are gone.
    function _turnOnHolders() private {
        vm.startPrank(OWNER);
        _hub.scheduleMerchantOff(_open, MERCHANT);
        _hub.scheduleEnd(_closed, uint40(block.timestamp + GRACE));
        vm.stopPrank();
        bytes32[] memory lines = new bytes32[](2);
        lines[0] = bytes32(abi.encodePacked(_holder, type(uint96).max));
        lines[1] = bytes32(abi.encodePacked(_vault, type(uint96).max));
        uint256 pending = _pending(_open) + _pending(_closed);
        for (uint256 id = 1; id <= 2; ++id) {
            vm.prank(KEY);
            _hub.clawbackBatch(id, 1, lines);
            vm.prank(OWNER);
            _hub.setOperator(id, KEY, 0);
        }
        assertEq(pending, 0, "the scene is set without pending points");
    }

    function _pending(uint256 id) private view returns (uint256) {
        return _hub.account(id, _holder).pending + _hub.account(id, _vault).pending;
    }

    function _snap() private view returns (Snapshot memory s) {
        s.supply = _token.totalSupply();
        s.other = _token.balanceOf(OTHER);
        s.otherAccount = _points(_open, OTHER);
        s.otherClosed = _points(_closed, OTHER);
        s.hubPoints = _token.balanceOf(address(_hub));
        s.hubAsset = _asset.held(address(_hub));
        s.budgets = uint256(_hub.campaign(_open).budget) + _hub.campaign(_closed).budget;
    }

    function _points(uint256 id, address who) private view returns (uint256) {
        ICampaignHub.Account memory a = _hub.account(id, who);
        return a.matured + a.pending;
    }

    /// @param hubPays points that the hub was to give up
    /// @param burned points that were to leave the supply
    function _nothingElse(Snapshot memory before, uint256 hubPays, uint256 burned) private view {
        Snapshot memory s = _snap();
        assertEq(s.supply, before.supply - burned, "supply");
        assertEq(s.other, before.other, "another's wallet");
        assertEq(s.otherAccount, before.otherAccount, "another's account");
        assertEq(s.otherClosed, before.otherClosed, "another's closed account");
        assertEq(s.hubPoints, before.hubPoints - hubPays, "hub's points");
        assertEq(s.hubAsset, before.hubAsset, "hub's asset");
        assertEq(s.budgets, before.budgets, "budgets");
        assertGe(_asset.held(address(_token)), PAR * s.supply, "reserve");
    }

    /// @dev Awarded long enough ago to be matured; the others have turned.
    function _earned(uint256 points, uint256 wait) private returns (uint256) {
        points = bound(points, 1, MOST);
        _award(_open, _holder, points);
        _award(_open, _vault, points);
        vm.warp(block.timestamp + bound(wait, 2 * HOLD, 3650 days));
        _turnOnHoldersIfRunning();
        return points;
    }

    function _turnOnHoldersIfRunning() private {
        if (block.timestamp + GRACE <= _hub.campaign(_closed).end) _turnOnHolders();
    }

    // -------------------------------------------------------------- wallets

    function testFuzz_aHolderTransfers(uint256 points, uint256 part) external {
        points = bound(points, 1, MOST);
        part = bound(part, 1, points);
        _mint(_holder, points);
        _turnOnHolders();
        Snapshot memory before = _snap();
        vm.prank(_holder);
        assertTrue(_token.transfer(FRESH, part));
        assertEq(_token.balanceOf(FRESH), part);
        assertEq(_token.balanceOf(_holder), points - part);
        _nothingElse(before, 0, 0);
    }

    function testFuzz_aHolderTransfersWithADeadAsset(uint256 points) external {
        points = bound(points, 1, MOST);
        _mint(_holder, points);
        _asset.setMode(FuzzAsset.Mode.Dead);
        vm.prank(_holder);
        assertTrue(_token.transfer(FRESH, points));
        assertEq(_token.balanceOf(FRESH), points);
    }

    function testFuzz_aHolderCashesOutAtPar(uint256 points, uint256 part) external {
        points = bound(points, 1, MOST);
        part = bound(part, 1, points);
        _mint(_holder, points);
        _turnOnHolders();
        Snapshot memory before = _snap();
        vm.prank(_holder);
        _token.cashOut(part, FRESH);
        assertEq(_asset.held(FRESH), part * PAR);
        assertEq(_token.balanceOf(_holder), points - part);
        _nothingElse(before, 0, part);
    }

    /// @dev Without any coin for gas: a stranger relays.
    function testFuzz_aHolderCashesOutBySignature(uint256 points) external {
        points = bound(points, 1, MOST);
        _mint(_holder, points);
        _turnOnHolders();
        Snapshot memory before = _snap();
        bytes memory signature = _signed(
            address(_token), Digests.transfer("CashOut", _holder, FRESH, points, 0, block.timestamp)
        );
        vm.prank(STRANGER);
        _token.cashOutBySig(_holder, FRESH, points, 0, block.timestamp, signature);
        assertEq(_asset.held(FRESH), points * PAR);
        _nothingElse(before, 0, points);
    }

    function testFuzz_aContractWalletCashesOutBySignature(uint256 points) external {
        points = bound(points, 1, MOST);
        _mint(_vault, points);
        _turnOnHolders();
        Snapshot memory before = _snap();
        bytes memory signature =
            _signed(address(_token), Digests.transfer("CashOut", _vault, FRESH, points, 0, block.timestamp));
        vm.prank(STRANGER);
        _token.cashOutBySig(_vault, FRESH, points, 0, block.timestamp, signature);
        assertEq(_asset.held(FRESH), points * PAR);
        _nothingElse(before, 0, points);
    }

    // ------------------------------------------------------------- accounts

    function testFuzz_aHolderLeavesWithWhatMatured(uint256 points, uint256 part, uint256 wait) external {
        points = _earned(points, wait);
        part = bound(part, 1, points);
        Snapshot memory before = _snap();
        vm.prank(_holder);
        _hub.leave(_open, part);
        assertEq(_token.balanceOf(_holder), part);
        assertEq(_hub.account(_open, _holder).matured, points - part);
        assertEq(_hub.account(_open, _vault).matured, points);
        _nothingElse(before, part, 0);
    }

    function testFuzz_aHolderLeavesBySignature(uint256 points, uint256 wait) external {
        points = _earned(points, wait);
        Snapshot memory before = _snap();
        bytes memory signature =
            _signed(address(_hub), Digests.leaving(_holder, _open, points, 0, block.timestamp));
        vm.prank(STRANGER);
        _hub.leaveBySig(_open, _holder, points, 0, block.timestamp, signature);
        assertEq(_token.balanceOf(_holder), points);
        assertEq(_points(_open, _holder), 0);
        _nothingElse(before, points, 0);
    }

    function testFuzz_aHolderLeavesWithADeadAsset(uint256 points, uint256 wait) external {
        points = _earned(points, wait);
        _asset.setMode(FuzzAsset.Mode.Dead);
        vm.prank(_holder);
        _hub.leave(_open, points);
        assertEq(_token.balanceOf(_holder), points);
    }

    function testFuzz_aStrangerReleasesForHolders(uint256 points, uint256 wait) external {
        points = _earned(points, wait);
        Snapshot memory before = _snap();
        address[] memory whose = new address[](2);
        (whose[0], whose[1]) = (_holder, _vault);
        vm.prank(STRANGER);
        _hub.release(_open, whose);
        assertEq(_token.balanceOf(_holder), points);
        assertEq(_token.balanceOf(_vault), points);
        _nothingElse(before, 2 * points, 0);
    }

    function testFuzz_onlyPendingPointsAreWithinReach(uint256 old, uint256 young) external {
        old = _earned(old, 2 * HOLD);
        young = bound(young, 1, MOST);
        vm.prank(OWNER);
        _hub.setOperator(_open, KEY, type(uint96).max);
        _award(_open, _holder, young);
        bytes32[] memory lines = new bytes32[](1);
        lines[0] = bytes32(abi.encodePacked(_holder, type(uint96).max));
        vm.prank(KEY);
        _hub.clawbackBatch(_open, 2, lines);
        assertEq(_hub.account(_open, _holder).matured, old, "matured points were taken");
        assertEq(_hub.account(_open, _holder).pending, 0);
        vm.prank(_holder);
        _hub.leave(_open, old);
        assertEq(_token.balanceOf(_holder), old);
    }

    /// @dev A closed campaign whose owner is gone: a merchant that stayed is still paid, before the expiry.
    function testFuzz_closedPointsAreSpentAtAMerchant(uint256 points) external {
        points = bound(points, 1, MOST);
        _award(_closed, _holder, points);
        vm.warp(_hub.campaign(_closed).expiry);
        ICampaignHub.Order memory order =
            ICampaignHub.Order(_holder, points, "offer", "key", 0, block.timestamp, "commitment", 0, 0);
        bytes32 digest = Digests.spending(
            _holder, _closed, MERCHANT, points, [bytes32("offer"), bytes32("key")], 0, block.timestamp
        );
        Snapshot memory before = _snap();
        vm.prank(MERCHANT);
        _hub.spend(_closed, MERCHANT, order, _signed(address(_hub), digest));
        assertEq(_token.balanceOf(MERCHANT), points);
        _nothingElse(before, points, 0);
    }

    // ------------------------------------------------------------- the end

    function testFuzz_nothingButStraysIsLeft(uint256 points, uint256 stray) external {
        points = bound(points, 1, MOST);
        stray = bound(stray, 0, MOST);
        _award(_open, _holder, points);
        _award(_closed, _holder, points);
        _asset.give(address(_hub), stray);
        if (stray > 0) _mint(address(_hub), stray);
        uint256 given = _asset.held(OWNER);
        vm.warp(uint256(_hub.campaign(_closed).expiry) + GRACE);
        address[] memory whose = new address[](2);
        (whose[0], whose[1]) = (_holder, OTHER);
        vm.startPrank(STRANGER);
        _hub.expire(_closed, whose);
        _hub.release(_open, whose);
        _hub.sweep(_open);
        _hub.sweep(_closed);
        vm.stopPrank();
        assertEq(_token.balanceOf(address(_hub)), stray, "points");
        assertEq(_asset.held(address(_hub)), stray, "asset");
        assertEq(_token.balanceOf(_holder), points);
        // What was never awarded and what expired is the owner's: all but what left the open campaign.
        assertEq(_asset.held(OWNER) - given, (10 * MOST - points - 1_000) * PAR);
    }

    function _signed(address verifier, bytes32 order) private view returns (bytes memory) {
        string memory name = verifier == address(_hub) ? "CampaignHub" : "Points";
        bytes32 digest = Digests.digest(Digests.domain(name, verifier), order);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(HOLDER_KEY, digest);
        return abi.encodePacked(r, s, v);
    }
}
