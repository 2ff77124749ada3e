// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {StockToken} from "../../../contracts/test/StockToken.sol";
import {Dice} from "../invariants/Dice.sol";
import {Digests} from "../invariants/Digests.sol";
import {Pair} from "./Pair.sol";

/// @title Random sequences of an ERC-20's calls, good and bad: LoyaltyToken behaves as OpenZeppelin's token does
contract DifferentialTest is Pair {
    uint256 private constant STEPS = 60;
    uint256 private constant MOST = type(uint96).max;

    /// @dev Each test holder starts with an amount of its own kind: usual, none, the largest that can be.
    function setUp() public override {
        super.setUp();
        _issue(people[0], 1_000);
        _issue(people[1], 77);
        _issue(people[3], MOST - 1_000_000);
    }

    function testFuzz_sameAsStock(uint256 seed) public {
        Dice memory d = Dice(seed);
        uint256 done;
        for (uint256 i = 0; i < STEPS; ++i) {
            if (_step(d)) ++done;
            assertAlike();
        }
        // A sequence that nothing came of would show nothing.
        assertGt(done, STEPS / 6);
        assertLt(done, STEPS);
    }

    function test_sameNamesAndDomain() public {
        assertEq(ours.name(), stock.name());
        assertEq(ours.symbol(), stock.symbol());
        assertEq(ours.decimals(), stock.decimals());
        for (uint256 chain = 1; chain < 3; ++chain) {
            vm.chainId(chain);
            assertEq(ours.DOMAIN_SEPARATOR(), Digests.domain("Points", address(ours)));
            assertEq(stock.DOMAIN_SEPARATOR(), Digests.domain("Points", address(stock)));
            assertTrue(both(address(this), abi.encodeCall(IERC5267.eip712Domain, ())));
        }
    }

    // ---------------------------------------------------------------- steps

    function _step(Dice memory d) private returns (bool) {
        uint256 face = d.below(12);
        if (face < 4) return both(_who(d), abi.encodeCall(IERC20.transfer, (_anybody(d), _amount(d, people[0]))));
        if (face < 7) return _transferFrom(d);
        if (face < 9) return both(_who(d), abi.encodeCall(IERC20.approve, (_anybody(d), _amount(d, people[0]))));
        if (face < 11) return _permit(d);
        return _mintOrBurn(d);
    }

    function _transferFrom(Dice memory d) private returns (bool) {
        address from = d.oneIn(12) ? address(0) : _who(d);
        return both(_who(d), abi.encodeCall(IERC20.transferFrom, (from, _anybody(d), _amount(d, from))));
    }

    struct Allowance {
        address signer;
        address from;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }

    function _permit(Dice memory d) private returns (bool) {
        Allowance memory a;
        a.from = _who(d);
        a.signer = d.oneIn(4) ? _who(d) : a.from;
        a.spender = _anybody(d);
        a.value = _amount(d, a.from);
        a.nonce = ours.nonces(a.from);
        if (a.nonce > 0 && d.oneIn(6)) a.nonce -= 1;
        a.deadline = block.timestamp + d.below(3) - 1;
        bytes memory toOurs = _permitCall(address(ours), a);
        bool bad = a.signer != a.from || a.nonce != ours.nonces(a.from);
        if (a.spender == address(ours)) a.spender = address(stock);
        bytes memory toStock = _permitCall(address(stock), a);
        if (!bad) return both(_who(d), toOurs, toStock);

        // What is recovered from a bad signature differs with the domain, and is part of the refusal: compare its name.
        bytes4 refusal = ERC20Permit.ERC2612InvalidSigner.selector;
        if (a.deadline < block.timestamp) refusal = ERC20Permit.ERC2612ExpiredSignature.selector;
        _bothRefuse(toOurs, toStock, refusal);
        return false;
    }

    /// @dev Where both have the same words for it: a mint that is paid for, and a cash-out that burns.
    function _mintOrBurn(Dice memory d) private returns (bool) {
        address who = _who(d);
        if (d.oneIn(2)) {
            _issue(who, 1 + d.below(5_000));
            return true;
        }
        uint256 points = 1 + d.below(ours.balanceOf(who) + 2);
        (bytes memory cash, bytes memory burn) =
            (abi.encodeCall(ILoyaltyToken.cashOut, (points, who)), abi.encodeCall(StockToken.burn, (points)));
        vm.prank(who);
        (bool cashed, bytes memory answer) = address(ours).call(cash);
        vm.prank(who);
        (bool burnt, bytes memory stockAnswer) = address(stock).call(burn);
        assertEq(cashed, burnt, "burn");
        assertEq(answer, stockAnswer, "burn's refusal");
        return cashed;
    }

    // -------------------------------------------------------------- helpers

    function _issue(address to, uint256 points) private {
        vm.prank(people[2]);
        ours.mint(to, points);
        stock.mint(to, points);
    }

    function _bothRefuse(bytes memory toOurs, bytes memory toStock, bytes4 refusal) private {
        (bool done, bytes memory answer) = address(ours).call(toOurs);
        (bool stockDone, bytes memory stockAnswer) = address(stock).call(toStock);
        assertFalse(done || stockDone, "a signature of somebody else");
        assertEq(bytes4(answer), refusal);
        assertEq(bytes4(stockAnswer), refusal);
    }

    function _permitCall(address token, Allowance memory a) private view returns (bytes memory) {
        bytes32 order = Digests.permit(a.from, a.spender, a.value, a.nonce, a.deadline);
        bytes32 digest = Digests.digest(Digests.domain("Points", token), order);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[a.signer], digest);
        return abi.encodeCall(IERC20Permit.permit, (a.from, a.spender, a.value, a.deadline, v, r, s));
    }

    function _who(Dice memory d) private view returns (address) {
        return people[d.below(people.length)];
    }

    /// @dev Also nobody, and the token itself.
    function _anybody(Dice memory d) private view returns (address) {
        uint256 face = d.below(14);
        return face == 0 ? address(0) : face == 1 ? address(ours) : people[face % people.length];
    }

    function _amount(Dice memory d, address of_) private view returns (uint256) {
        uint256 face = d.below(10);
        if (face == 0) return [type(uint256).max, MOST, MOST + 1, 1 << 128][d.below(4)];
        return d.some(ours.balanceOf(of_));
    }

    // ------------------------------------------- where ours differs on purpose

    /// @dev Nothing is minted to nobody, to the token itself, or of nothing; OpenZeppelin's leaves that to its user.
    function test_differs_mintIsStricter() public {
        vm.startPrank(people[2]);
        vm.expectRevert(abi.encodeWithSelector(ILoyaltyToken.RecipientRefused.selector, address(0)));
        ours.mint(address(0), 1);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        stock.mint(address(0), 1);

        vm.expectRevert(abi.encodeWithSelector(ILoyaltyToken.RecipientRefused.selector, address(ours)));
        ours.mint(address(ours), 1);
        stock.mint(address(stock), 1);

        vm.expectRevert(ILoyaltyToken.ZeroAmount.selector);
        ours.mint(people[0], 0);
        stock.mint(people[0], 0);
        vm.expectRevert(ILoyaltyToken.ZeroAmount.selector);
        ours.cashOut(0, people[0]);
        stock.burn(0);
    }

    /// @dev Balances have 96 bits.
    function test_differs_supplyEnds() public {
        uint256 room = MOST - ours.totalSupply();
        vm.startPrank(people[2]);
        vm.expectRevert(abi.encodeWithSelector(ILoyaltyToken.SupplyOverflow.selector, MOST + 1));
        ours.mint(people[0], room + 1);
        stock.mint(people[0], room + 1);
    }

    /// @dev Nonces have 32 bits: the holder of the last one signs no more, and loses nothing.
    function test_differs_noncesEnd() public {
        uint256 balance = ours.balanceOf(people[0]);
        bytes32 slot = _slotOf(people[0]);
        vm.store(address(ours), slot, bytes32(balance | (uint256(type(uint32).max) << 96)));
        assertEq(ours.nonces(people[0]), type(uint32).max);
        assertEq(ours.balanceOf(people[0]), balance);

        Allowance memory last = Allowance(people[0], people[0], people[1], 5, type(uint32).max, block.timestamp);
        bytes memory call_ = _permitCall(address(ours), last);
        (bool done, bytes memory answer) = address(ours).call(call_);
        assertFalse(done);
        assertEq(answer, abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(people[0]);
        assertTrue(ours.transfer(people[1], balance));
    }

    /// @dev One series of nonces for permits and orders, and a way to void them all.
    function test_differs_cancelRaisesTheNonce() public {
        vm.prank(people[0]);
        ours.cancel();
        assertEq(ours.nonces(people[0]), 65_536);
    }

    /// @dev The slot that holds `who`'s balance and nonce, found by what it holds.
    function _slotOf(address who) private view returns (bytes32 slot) {
        for (uint256 place = 0; place < 20; ++place) {
            slot = keccak256(abi.encode(who, place));
            if (uint96(uint256(vm.load(address(ours), slot))) == ours.balanceOf(who)) return slot;
        }
        revert("no such slot");
    }
}
