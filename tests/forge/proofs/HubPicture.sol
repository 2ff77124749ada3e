// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {AnyAsset} from "./AnyAsset.sol";
import {AnyToken} from "./AnyToken.sol";
import {Digests} from "../invariants/Digests.sol";
import {HubState} from "./HubState.sol";
import {Signing} from "./Signing.sol";
import {both, either, svm, vm} from "./Symbolic.sol";

/// @title Hub, token and asset in any state, of which one campaign and one of everybody are looked at
/// @dev `campaign` may be any, and so may the `id` that a call names; the same for `who`, `key`, `merchant` and the caller.
abstract contract HubPicture is Signing {
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
    AnyToken internal token;
    ICampaignHub internal hub;
    uint256 internal par;
    bytes32 internal domain;

    address internal caller;
    address internal who;
    address internal key;
    address internal merchant;
    uint256 internal campaign;
    uint256 internal number;

    Picture internal was;

    function setUp() public {
        vm.warp(svm.createUint(39, "now")); // of which grace ahead still fits the 40 bits of a change
        par = wantsExample() ? 1 : svm.createUint256("par");
        vm.assume(par > 0);
        asset = new AnyAsset();
        svm.enableSymbolicStorage(address(asset));
        token = new AnyToken(asset, par);
        svm.enableSymbolicStorage(address(token));
        _setUpSigning();
        address treasury = svm.createAddress("treasury");
        uint256 fee = wantsExample() ? 0 : svm.createUint256("fee");
        vm.assume(treasury != address(0));
        vm.assume(fee <= 500);
        hub = ICampaignHub(deploy("PROVED_HUB", abi.encode(token, treasury, fee)));
        domain = Digests.domain("CampaignHub", address(hub));

        caller = svm.createAddress("caller");
        who = svm.createAddress("who");
        key = svm.createAddress("key");
        merchant = svm.createAddress("merchant");
        campaign = svm.createUint256("campaign");
        number = svm.createUint256("number");
        // The hub calls neither itself nor its treasury's part; nor does it hold an account.
        vm.assume(caller != address(hub));
        vm.assume(who != address(hub));
        vm.assume(treasury != address(hub));
        _assumeExists();
        // Which is so, and which a solver that does not divide cannot know.
        vm.assume(block.timestamp / 1 days <= type(uint32).max);
    }

    /// @dev The campaign looked at has an owner, and a number that was given out.
    function _assumeExists() private view {
        address owner = HubState.owner(termsOf(campaign));
        vm.assume(owner != address(0));
        vm.assume(owner != address(hub));
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
        p.account = accountOf(campaign, who);
        p.landed = landedOf(campaign, number);
        p.operator = _load(HubState.at(HubState.at(HubState.OPERATORS, campaign), key));
        p.accepted = uint8(_load(HubState.at(HubState.at(HubState.MERCHANTS, campaign), merchant)));
        p.delegate = uint8(_load(HubState.at(HubState.at(HubState.DELEGATES, merchant), key)));
        p.wallet = token.balanceOf(who);
        p.supply = token.totalSupply();
        p.hubPoints = token.balanceOf(address(hub));
        p.hubAsset = asset.balanceOf(address(hub));
    }

    /// @return first the word with what never changes: hold and loop
    function termsOf(uint256 id) internal view returns (uint256 first) {
        return _load(HubState.at(HubState.CAMPAIGNS, id));
    }

    /// @return second the word with budget, pot and expiry
    function moneyOf(uint256 id) internal view returns (uint256 second) {
        return _load(HubState.at(HubState.CAMPAIGNS, id) + 1);
    }

    /// @return change the one that is announced
    function changeOf(uint256 id) internal view returns (uint256 change) {
        return _load(HubState.at(HubState.CAMPAIGNS, id) + 3);
    }

    function accountOf(uint256 id, address holder) internal view returns (uint256) {
        return _load(HubState.at(HubState.at(HubState.ACCOUNTS, id), holder));
    }

    /// @return whether the caller is `payee` or its delegate
    function mayExecute(address payee) internal view returns (bool) {
        uint256 allowed = uint8(_load(HubState.at(HubState.at(HubState.DELEGATES, payee), caller)));
        return either(caller == payee, allowed != 0);
    }

    /// @return whether `payee` is an accepted merchant, with a change that is due
    function serves(uint256 id, address payee) internal view returns (bool) {
        uint256 accepted = uint8(_load(HubState.at(HubState.at(HubState.MERCHANTS, id), payee)));
        return both(accepted == 2, !HubState.putsOff(changeOf(id), payee));
    }

    /// @return the word of bits in which that of `number_` is
    function landedOf(uint256 id, uint256 number_) internal view returns (uint256) {
        return _load(HubState.at(HubState.at(HubState.LANDED, id), number_ >> 8));
    }

    function _load(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(hub), bytes32(slot)));
    }
}
