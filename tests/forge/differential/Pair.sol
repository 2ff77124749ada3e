// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {MockUSDC} from "../../../contracts/test/MockUSDC.sol";
import {StockToken} from "../../../contracts/test/StockToken.sol";
import {Artifacts} from "../invariants/Artifacts.sol";

/// @title LoyaltyToken and OpenZeppelin's token side by side: every call goes to both, and both must answer alike
/// @dev Alike means: the same success, the same returned data or error, the same events in the same order. Where one
/// speaks of its own address the other speaks of its own.
abstract contract Pair is Test {
    ILoyaltyToken internal ours;
    StockToken internal stock;
    MockUSDC internal asset;

    address[] internal people;
    mapping(address => uint256) internal keys;

    function setUp() public virtual {
        asset = new MockUSDC();
        ours = ILoyaltyToken(Artifacts.deploy("LoyaltyToken", abi.encode("Points", "PTS", address(asset), 1)));
        stock = new StockToken("Points", "PTS");
        for (uint256 i = 0; i < 4; ++i) {
            (address who, uint256 key) = makeAddrAndKey(string.concat("holder ", vm.toString(i)));
            people.push(who);
            keys[who] = key;
            asset.mint(who, 1 << 200);
            vm.prank(who);
            asset.approve(address(ours), type(uint256).max);
        }
    }

    /// @dev One call to both; their own addresses stand as `address(ours)` in `data`.
    /// @return done whether it succeeded, in both alike
    function both(address sender, bytes memory data) internal returns (bool done) {
        return both(sender, data, _swapped(data));
    }

    /// @dev For calls that are not the same bytes, because each is signed for its own domain.
    function both(address sender, bytes memory toOurs, bytes memory toStock) internal returns (bool done) {
        bytes32 answer;
        bytes32 told;
        (done, answer, told) = _heard(sender, address(ours), toOurs);
        (bool stockDone, bytes32 stockAnswer, bytes32 stockTold) = _heard(sender, address(stock), toStock);
        assertEq(done, stockDone, "one refuses, the other does not");
        assertEq(answer, stockAnswer, "another answer");
        assertEq(told, stockTold, "other events");
    }

    /// @dev What anybody can see is the same for everybody.
    function assertAlike() internal view {
        assertEq(ours.totalSupply(), stock.totalSupply(), "supply");
        for (uint256 i = 0; i < people.length; ++i) {
            address who = people[i];
            assertEq(ours.balanceOf(who), stock.balanceOf(who), "balance");
            assertEq(ours.nonces(who), stock.nonces(who), "nonce");
            for (uint256 j = 0; j < people.length; ++j) {
                assertEq(ours.allowance(who, people[j]), stock.allowance(who, people[j]), "allowance");
            }
        }
        assertEq(ours.balanceOf(address(ours)), stock.balanceOf(address(stock)), "own balance");
        assertEq(ours.balanceOf(address(0)), 0, "nobody's balance");
    }

    function _heard(address sender, address token, bytes memory data)
        private
        returns (bool done, bytes32 answer, bytes32 told)
    {
        vm.recordLogs();
        vm.prank(sender);
        bytes memory answered;
        (done, answered) = token.call(data);
        answer = keccak256(token == address(ours) ? _swapped(answered) : answered);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != token) continue;
            bytes memory log = abi.encode(logs[i].topics, logs[i].data);
            told = keccak256(abi.encode(told, token == address(ours) ? _swapped(log) : log));
        }
    }

    /// @dev `data` with every word that is our token's address, at any place, made the other's.
    function _swapped(bytes memory data) private view returns (bytes memory swapped) {
        swapped = bytes.concat(data);
        bytes20 from = bytes20(address(ours));
        bytes20 to = bytes20(address(stock));
        for (uint256 i = 0; i + 20 <= swapped.length; ++i) {
            bytes20 word;
            assembly ("memory-safe") {
                word := mload(add(add(swapped, 32), i))
            }
            if (word != from) continue;
            for (uint256 j = 0; j < 20; ++j) {
                swapped[i + j] = to[j];
            }
        }
    }
}
