// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {ContractWallet} from "../../../contracts/test/ContractWallet.sol";
import {Artifacts} from "./Artifacts.sol";
import {Dice} from "./Dice.sol";
import {FuzzAsset} from "./FuzzAsset.sol";
import {Model} from "./Model.sol";

/// @title The contracts as deployed, and everybody who may do something with them
abstract contract World is CommonBase, Model {
    uint256 internal constant FEE_BPS = 150;
    uint256 internal constant RICH = 1e30;

    FuzzAsset public immutable asset;
    ILoyaltyToken public immutable token;
    ICampaignHub public immutable hub;
    uint256 public immutable par;
    address internal constant TREASURY = address(0x7EA5);

    address internal alice;
    address internal bob;
    /// @dev A contract wallet (ERC-1271).
    address internal vault;
    /// @dev Brings points where the second merchant wants them.
    address internal mover;
    address internal baker;
    address internal accomplice;
    address internal delegate;
    address internal keyOne;
    address internal keyTwo;
    address internal owner;
    address internal heir;
    address internal stranger;

    /// @dev Everybody who may send a call or own points.
    address[] internal people;
    /// @dev Who may have accounts in campaigns.
    address[] internal holders;
    mapping(address => uint256) private _keys;

    /// @dev The time of this world: forge may forget a warp between two calls.
    uint256 internal clock = 1_800_000_000;

    /// @dev The first promise that was broken; the first call that did not end as foreseen.
    string public broken;
    string public unforeseen;

    bytes4 internal verb;
    bytes internal answer;
    /// @dev How often each verb succeeded, and how often it was refused with each error.
    mapping(bytes32 verbAndError => uint256) private _outcomes;
    bytes32[] private _seen;

    constructor(uint256 par_) {
        par = par_;
        asset = new FuzzAsset();
        token = ILoyaltyToken(Artifacts.deploy("LoyaltyToken", abi.encode("Points", "PTS", address(asset), par_)));
        hub = ICampaignHub(Artifacts.deploy("CampaignHub", abi.encode(address(token), TREASURY, FEE_BPS)));
        _invite();
    }

    function _invite() private {
        alice = _person("alice");
        bob = _person("bob");
        address carol = _person("carol");
        vault = address(new ContractWallet(carol));
        _keys[vault] = _keys[carol];
        people.pop();
        people.push(vault);
        mover = _person("mover");
        baker = _person("baker");
        accomplice = _person("accomplice");
        delegate = _person("delegate");
        keyOne = _person("key one");
        keyTwo = _person("key two");
        owner = _person("owner");
        heir = _person("heir");
        stranger = _person("stranger");
        people.push(address(asset));
        holders = [alice, bob, vault, mover, accomplice, stranger, address(asset)];
        for (uint256 i = 0; i < people.length; ++i) {
            asset.give(people[i], RICH);
            _endow(people[i]);
        }
    }

    function _person(string memory name) private returns (address who) {
        uint256 key = uint256(keccak256(bytes(name)));
        who = vm.addr(key);
        vm.label(who, name);
        _keys[who] = key;
        people.push(who);
    }

    function _endow(address who) private {
        vm.startPrank(who);
        asset.approve(address(token), type(uint256).max);
        asset.approve(address(hub), type(uint256).max);
        token.approve(address(hub), type(uint256).max);
        vm.stopPrank();
        allowances[who][address(hub)] = type(uint256).max;
    }

    // ---------------------------------------------------------------- draws

    /// @dev The two worlds draw differently from the same number.
    function _dice(uint256 seed) internal view returns (Dice memory) {
        return Dice(seed ^ (par << 128));
    }

    function _anybody(Dice memory d) internal view returns (address) {
        return people[d.below(people.length)];
    }

    function _holder(Dice memory d) internal view returns (address) {
        return holders[d.below(holders.length)];
    }

    /// @return mostly `right`, now and then anybody
    function _mostly(Dice memory d, address right) internal view returns (address) {
        return d.oneIn(10) ? _anybody(d) : right;
    }

    /// @return a campaign, or very seldom one that is not there
    function _campaign(Dice memory d) internal view returns (uint256) {
        if (d.oneIn(60)) return d.oneIn(2) ? 0 : campaigns + 1;
        return 1 + d.below(campaigns);
    }

    /// @return a recipient, now and then one that must be refused or one by mistake
    function _recipient(Dice memory d) internal view returns (address) {
        uint256 face = d.below(40);
        if (face == 0) return address(0);
        if (face == 1) return address(token);
        if (face == 2) return address(hub);
        return _anybody(d);
    }

    /// @return who a holder, mostly one with points in its wallet
    function _buyer(Dice memory d) internal view returns (address who) {
        who = _holder(d);
        for (uint256 i = 0; i < 4 && wallets[who] == 0; ++i) {
            who = _holder(d);
        }
    }

    /// @return who a holder
    /// @return id a campaign, mostly one where it has matured points
    function _position(Dice memory d, bool open) internal view returns (address who, uint256 id) {
        for (uint256 i = 0; i < 12; ++i) {
            (who, id) = (_holder(d), _campaign(d));
            if ((!open || !terms[id].closed) && free(id, who) > 0) break;
        }
    }

    function _isCampaign(uint256 id) internal view returns (bool) {
        return id > 0 && id <= campaigns;
    }

    function _sign(address who, bytes32 digest) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        return vm.sign(_keys[who], digest);
    }

    // ---------------------------------------------------------------- calls

    /// @notice Sends a call whose outcome is known beforehand: `refusal` is the error's selector, 0 for success.
    function _call(address from, address to, bytes memory data, bytes4 refusal) internal returns (bool ok) {
        verb = bytes4(data);
        vm.prank(from);
        (ok, answer) = to.call(data);
        bytes4 got = ok ? bytes4(0) : bytes4(answer);
        _count(verb, got);
        if (got != refusal) {
            _surprise(string.concat(_hex(verb), " gave ", _hex(got), " instead of ", _hex(refusal)));
        }
    }

    function _surprise(string memory what) internal {
        if (bytes(unforeseen).length == 0) unforeseen = what;
    }

    function _break(string memory what) internal {
        if (bytes(broken).length == 0) broken = what;
    }

    function _hex(bytes4 selector) private pure returns (string memory) {
        return vm.toString(abi.encodePacked(selector));
    }

    /// @param got the error, or 0 for a success
    function _count(bytes4 called, bytes4 got) internal {
        bytes32 key = bytes32(called) | (bytes32(got) >> 32);
        if (_outcomes[key]++ == 0) _seen.push(key);
    }

    /// @dev In place of an error: an order of a batch was executed.
    bytes4 internal constant EXECUTED = 0x00000001;

    /// @return lines of `verb error count`, selectors in hex, an error of 0 is a success
    function outcomes() external view returns (string memory lines) {
        for (uint256 i = 0; i < _seen.length; ++i) {
            bytes32 key = _seen[i];
            string memory line = string.concat(_hex(bytes4(key)), " ", _hex(bytes4(key << 32)));
            lines = string.concat(lines, line, " ", vm.toString(_outcomes[key]), "\n");
        }
    }
}
