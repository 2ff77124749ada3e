// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {AnyAsset} from "./AnyAsset.sol";
import {HubState} from "./HubState.sol";
import {Proof, svm, vm} from "./Symbolic.sol";

/// @title Hub, token and asset in any state, of which one campaign and one of everybody are looked at
/// @dev `campaign` may be any, and so may the `id` that a call names; the same for `who`, `key`, `merchant` and the caller.
abstract contract HubPicture is Proof {
    struct Picture {
        uint256 first;
        uint256 second;
        uint256 terms;
        uint256 change;
        address candidate;
        uint256 account;
        uint256 landed;
        uint256 operator;
        uint256 accepted;
        uint256 delegate;
        uint256 wallet;
        uint256 supply;
        uint256 hubPoints;
        uint256 hubAsset;
    }

    AnyAsset internal asset;
    ILoyaltyToken internal token;
    ICampaignHub internal hub;

    address internal caller;
    address internal who;
    address internal key;
    address internal merchant;
    uint256 internal campaign;
    uint256 internal number;

    Picture internal was;

    function setUp() public {
        vm.warp(svm.createUint(39, "now")); // of which grace ahead still fits the 40 bits of a change
        uint256 par = svm.createUint256("par");
        vm.assume(par > 0);
        asset = new AnyAsset();
        svm.enableSymbolicStorage(address(asset));
        token = ILoyaltyToken(deploy("PROVED_TOKEN", abi.encode("Points", "PTS", asset, par)));
        address treasury = svm.createAddress("treasury");
        uint256 fee = svm.createUint256("fee");
        vm.assume(treasury != address(0));
        vm.assume(fee <= 500);
        hub = ICampaignHub(deploy("PROVED_HUB", abi.encode(token, treasury, fee)));

        caller = svm.createAddress("caller");
        who = svm.createAddress("who");
        key = svm.createAddress("key");
        merchant = svm.createAddress("merchant");
        campaign = svm.createUint256("campaign");
        number = svm.createUint256("number");
        _assumeExists();
    }

    /// @dev The campaign looked at has an owner, and a number that was given out.
    function _assumeExists() private view {
        vm.assume(HubState.owner(_load(HubState.at(HubState.CAMPAIGNS, campaign))) != address(0));
        vm.assume(campaign <= _load(HubState.COUNT));
        vm.assume(_load(HubState.COUNT) < type(uint256).max);
    }

    function picture() internal view returns (Picture memory p) {
        uint256 state = HubState.at(HubState.CAMPAIGNS, campaign);
        p.first = _load(state);
        p.second = _load(state + 1);
        p.terms = _load(state + 2);
        p.change = _load(state + 3);
        p.candidate = address(uint160(_load(state + 4)));
        p.account = _load(HubState.at(HubState.at(HubState.ACCOUNTS, campaign), who));
        p.landed = _load(HubState.at(HubState.at(HubState.LANDED, campaign), number >> 8));
        p.operator = _load(HubState.at(HubState.at(HubState.OPERATORS, campaign), key));
        p.accepted = uint8(_load(HubState.at(HubState.at(HubState.MERCHANTS, campaign), merchant)));
        p.delegate = uint8(_load(HubState.at(HubState.at(HubState.DELEGATES, merchant), key)));
        p.wallet = token.balanceOf(who);
        p.supply = token.totalSupply();
        p.hubPoints = token.balanceOf(address(hub));
        p.hubAsset = asset.balanceOf(address(hub));
    }

    function _load(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(hub), bytes32(slot)));
    }
}
