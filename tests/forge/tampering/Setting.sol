// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {MockUSDC} from "../../../contracts/test/MockUSDC.sol";
import {Artifacts} from "../invariants/Artifacts.sol";

/// @title A holder with points everywhere, for whom every order is good but for its signature
abstract contract Setting is Test {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant DEADLINE = START + 1 hours;

    ILoyaltyToken internal token;
    ICampaignHub internal hub;
    MockUSDC internal asset;

    address internal alice;
    uint256 internal aliceKey;
    address internal friend = makeAddr("friend");
    address internal merchant = makeAddr("merchant");
    address internal relayer = makeAddr("relayer");
    uint256 internal open;
    uint256 internal other;

    function setUp() public virtual {
        vm.warp(START);
        (alice, aliceKey) = makeAddrAndKey("alice");
        asset = new MockUSDC();
        token = ILoyaltyToken(Artifacts.deploy("LoyaltyToken", abi.encode("Points", "PTS", address(asset), 1)));
        hub = ICampaignHub(Artifacts.deploy("CampaignHub", abi.encode(address(token), address(this), 0)));
        open = _campaign();
        other = _campaign();
        vm.prank(merchant);
        hub.setDelegate(relayer, true);

        asset.mint(alice, 1e6);
        vm.startPrank(alice);
        asset.approve(address(token), type(uint256).max);
        token.approve(address(hub), 1_000);
        token.mint(alice, 3_000);
        hub.enter(open, 1_000, 0);
        vm.stopPrank();
    }

    function _campaign() private returns (uint256 id) {
        id = hub.createCampaign(uint40(START + 30 days), 0, false, 0, 0, 0);
        hub.inviteMerchant(id, merchant);
        vm.prank(merchant);
        hub.acceptMerchant(id);
    }

    /// @dev Everything that an order could change.
    function _state() internal view returns (bytes32) {
        address[4] memory everybody = [alice, friend, merchant, address(hub)];
        bytes memory seen = abi.encode(token.totalSupply(), token.allowance(alice, friend));
        for (uint256 i = 0; i < everybody.length; ++i) {
            address who = everybody[i];
            seen = bytes.concat(
                seen,
                abi.encode(token.balanceOf(who), asset.balanceOf(who), token.nonces(who)),
                abi.encode(hub.account(open, who), hub.account(other, who))
            );
        }
        return keccak256(seen);
    }
}
