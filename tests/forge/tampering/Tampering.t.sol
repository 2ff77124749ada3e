// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Intents} from "./Intents.sol";

/// @title A signature is good for what was signed, where it was signed for, once, until its deadline; for nothing else
contract TamperingTest is Intents {
    uint256 private constant CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 private constant WITH_LENGTH = 9; // kinds whose signature is given as bytes, but for Permit

    // ------------------------------------------------------- what was signed

    /// @dev Each field of each intent, of its witness, of its domain and its type, changed in turn by `change`.
    function testFuzz_everyFieldIsSigned(bytes32 change) public {
        vm.assume(change != 0);
        uint256 tried;
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            Intent memory good = _intent(Kind(kind));
            for (uint256 i = 0; i < 5 + good.fields.length + good.witness.length; ++i) {
                Intent memory bad = _intent(Kind(kind));
                if (i < 4) bad.domain[i] ^= change;
                else if (i == 4) bad.typehash ^= change;
                else if (i < 5 + good.fields.length) bad.fields[i - 5] ^= change;
                else bad.witness[i - 5 - good.fields.length] ^= change;
                _refused(Kind(kind), _signed(bad));
                ++tried;
            }
            _accepted(Kind(kind), _signed(good));
        }
        // Domain and type of each; fields of the structs; fields and types of the witnesses.
        assertEq(tried, KINDS * 5 + 63 + 11);
    }

    /// @dev An order of one type with the fields of another is none.
    function test_typesAreApart() public {
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            Intent memory bad = _intent(Kind(kind));
            for (uint256 i = 0; i < KINDS; ++i) {
                bytes32 type_ = _intent(Kind(i)).typehash;
                if (type_ == _intent(Kind(kind)).typehash) continue;
                bad.typehash = type_;
                _refused(Kind(kind), _signed(bad));
            }
        }
    }

    /// @dev A payment for one purpose is none for another: the witness of entering in a redemption, and the reverse.
    function test_witnessesAreApart() public {
        Intent memory enter = _intent(Kind.PaymentEnter);
        Intent memory redemption = _intent(Kind.PaymentRedemption);
        (enter.witness, redemption.witness) = (redemption.witness, enter.witness);
        _refused(Kind.PaymentEnter, _signed(enter));
        _refused(Kind.PaymentRedemption, _signed(redemption));
        _refused(Kind.RedemptionInBatch, _signed(redemption));
    }

    // -------------------------------------------------------- where and when

    function test_anotherChain() public {
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            bytes memory signature = _signed(_intent(Kind(kind)));
            uint256 chain = block.chainid;
            vm.chainId(chain + 1); // a fork that keeps the state
            _refused(Kind(kind), signature);
            _accepted(Kind(kind), _signed(_intent(Kind(kind))));
            vm.chainId(chain);
            _accepted(Kind(kind), signature);
        }
    }

    function test_anotherContract() public {
        bytes32[4] memory ofToken = _intent(Kind.Transfer).domain;
        bytes32[4] memory ofHub = _intent(Kind.Leave).domain;
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            Intent memory bad = _intent(Kind(kind));
            bad.domain = _ofHub(Kind(kind)) ? ofToken : ofHub;
            _refused(Kind(kind), _signed(bad));
        }
    }

    function test_replayed() public {
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            uint256 before = vm.snapshotState();
            bytes memory signature = _signed(_intent(Kind(kind)));
            (bool done,) = _send(Kind(kind), signature);
            assertTrue(done);
            bytes memory refusal = _ofHub(Kind(kind))
                ? abi.encodeWithSelector(ICampaignHub.NonceMismatch.selector, 0, 1)
                : abi.encodeWithSelector(Nonces.InvalidAccountNonce.selector, alice, 1);
            // A permit names no nonce, so that its digest is another one now.
            _refused(Kind(kind), signature, Kind(kind) == Kind.Permit ? _badSignature(Kind.Permit) : refusal);
            vm.revertToState(before);
        }
    }

    function test_cancelled() public {
        vm.startPrank(alice);
        token.cancel();
        hub.cancel(open);
        vm.stopPrank();
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            for (uint256 ahead = 0; ahead < 3; ++ahead) {
                Intent memory intent = _intent(Kind(kind));
                intent.fields[intent.fields.length - 2] = bytes32(ahead);
                (bool done,) = _send(Kind(kind), _signed(intent));
                assertFalse(done);
            }
        }
    }

    function test_expired() public {
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            bytes memory signature = _signed(_intent(Kind(kind)));
            vm.warp(DEADLINE + 1);
            bytes4 error = Kind(kind) == Kind.Permit
                ? ERC20Permit.ERC2612ExpiredSignature.selector
                : ILoyaltyToken.OrderExpired.selector;
            _refused(Kind(kind), signature, abi.encodeWithSelector(error, DEADLINE));
            vm.warp(DEADLINE);
            _accepted(Kind(kind), signature);
            vm.warp(START);
        }
    }

    /// @dev Nonces have 32 bits: with the last one nothing is signed any more, and a batch with such an order still
    /// executes the others. The points stay their holder's.
    function test_noncesEnd() public {
        nonce = type(uint32).max;
        bytes32 slot = _slotOf(open, alice);
        vm.store(address(hub), slot, vm.load(address(hub), slot) | bytes32(nonce << 216));
        assertEq(hub.account(open, alice).nonce, nonce);
        slot = _walletOf(alice);
        vm.store(address(token), slot, vm.load(address(token), slot) | bytes32(nonce << 96));
        bytes memory refusal = abi.encodeWithSignature("SafeCastOverflowedUintDowncast(uint8,uint256)", 32, nonce + 1);
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            bytes memory signature = _signed(_intent(Kind(kind)));
            if (_ofHub(Kind(kind))) _refused(Kind(kind), signature, refusal);
            (bool done,) = _send(Kind(kind), signature);
            assertFalse(done);
        }
        assertEq(token.nonces(alice), nonce);
        vm.prank(alice);
        hub.leave(open, 1_000);
        assertEq(token.balanceOf(alice), 3_000);
    }

    /// @dev Every nonce but the last is as good as the first, also where 16 bits end.
    function test_nonceOf16Bits() public {
        nonce = type(uint16).max;
        bytes32 slot = _slotOf(open, alice);
        vm.store(address(hub), slot, vm.load(address(hub), slot) | bytes32(nonce << 216));
        slot = _walletOf(alice);
        vm.store(address(token), slot, vm.load(address(token), slot) | bytes32(nonce << 96));
        assertEq(token.nonces(alice), nonce);
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            _accepted(Kind(kind), _signed(_intent(Kind(kind))));
        }
    }

    function _walletOf(address who) private view returns (bytes32 slot) {
        for (uint256 place = 0; place < 20; ++place) {
            slot = keccak256(abi.encode(who, place));
            if (uint96(uint256(vm.load(address(token), slot))) == token.balanceOf(who)) return slot;
        }
        revert("no such slot");
    }

    /// @dev Where the account's word is, found by what it holds.
    function _slotOf(uint256 id, address who) private view returns (bytes32 slot) {
        for (uint256 place = 0; place < 20; ++place) {
            slot = keccak256(abi.encode(who, keccak256(abi.encode(id, place))));
            if (uint88(uint256(vm.load(address(hub), slot))) == hub.account(id, who).matured) return slot;
        }
        revert("no such slot");
    }

    // ------------------------------------------------------ how it is written

    function test_wrongLength() public {
        for (uint256 kind = 0; kind < WITH_LENGTH; ++kind) {
            if (Kind(kind) == Kind.Permit) continue;
            bytes memory good = _signed(_intent(Kind(kind)));
            for (uint256 length = 0; length < 131; ++length) {
                this.refusedWithLength(Kind(kind), good, length);
            }
            // r and vs, as ERC-2098 shortens it: good in batches only, where it has no length.
            (uint8 v, bytes32 r, bytes32 s) = _parts(good);
            _refused(Kind(kind), abi.encodePacked(r, uint256(s) | (uint256(v) - 27) << 255));
            _accepted(Kind(kind), good);
        }
    }

    /// @dev Called from outside, so that each attempt has a memory of its own.
    function refusedWithLength(Kind kind, bytes memory good, uint256 length) external {
        if (length == good.length) return;
        bytes memory bad = new bytes(length);
        for (uint256 i = 0; i < length && i < good.length; ++i) {
            bad[i] = good[i];
        }
        _refused(kind, bad);
    }

    /// @dev The other solution of the curve for the same message, which anybody can compute.
    function test_highS() public {
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            (uint8 v, bytes32 r, bytes32 s) = _parts(_signed(_intent(Kind(kind))));
            bytes32 high = bytes32(CURVE - uint256(s));
            bytes memory refusal = Kind(kind) == Kind.Permit
                ? abi.encodeWithSignature("ECDSAInvalidSignatureS(bytes32)", high)
                : _badSignature(Kind(kind));
            _refused(Kind(kind), abi.encodePacked(r, high, 55 - v), refusal);
            assertEq(ecrecover(_digest(_intent(Kind(kind))), 55 - v, r, high), alice, "it is a solution");
        }
    }

    function test_wrongV() public {
        uint8[6] memory wrong = [0, 1, 26, 29, 35, 255];
        for (uint256 kind = 0; kind < WITH_LENGTH; ++kind) {
            (, bytes32 r, bytes32 s) = _parts(_signed(_intent(Kind(kind))));
            for (uint256 i = 0; i < wrong.length; ++i) {
                bytes memory refusal = Kind(kind) == Kind.Permit
                    ? abi.encodeWithSignature("ECDSAInvalidSignature()")
                    : _badSignature(Kind(kind));
                _refusedPlainly(Kind(kind), abi.encodePacked(r, s, wrong[i]), refusal);
            }
        }
    }

    function testFuzz_garbage(bytes32 r, bytes32 s, bool odd) public {
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            bytes32 before = _state();
            (bool done,) = _send(Kind(kind), abi.encodePacked(r, s, odd ? 28 : 27));
            assertFalse(done);
            assertEq(_state(), before);
        }
    }

    /// @dev What recovers to nobody is not signed by nobody.
    function test_nobodySignsNothing() public {
        vm.prank(alice);
        token.transfer(friend, 1);
        holder = address(0);
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            (bool done,) = _send(Kind(kind), abi.encodePacked(bytes32(0), bytes32(0), uint8(27)));
            assertFalse(done);
            (done,) = _send(Kind(kind), _signed(_intent(Kind(kind))));
            assertFalse(done);
        }
    }

    function test_anotherKey() public {
        (, aliceKey) = makeAddrAndKey("mallory");
        for (uint256 kind = 0; kind < KINDS; ++kind) {
            _refused(Kind(kind), _signed(_intent(Kind(kind))));
        }
    }

    // ----------------------------------------------------------- the literals

    /// @dev The file that Python's tests read says the same as this one, and its signatures are good.
    function test_vectors() public view {
        for (uint256 kind = 0; kind <= uint256(Kind.Spend); ++kind) {
            string memory at = _vector(Kind(kind));
            Intent memory intent = _intent(Kind(kind));
            assertEq(keccak256(bytes(_text(at, ".typeString"))), intent.typehash);
            bytes32 domain = _literal(string.concat(".domains.", _text(at, ".domain")), ".separator");
            bytes32 order = _literal(at, ".structHash");
            bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, order));
            assertEq(digest, _literal(at, ".digest"));
            (uint8 v, bytes32 r, bytes32 s) = _parts(vm.parseJsonBytes(vectors, string.concat(at, ".signature")));
            assertEq(ecrecover(digest, v, r, s), vm.parseJsonAddress(vectors, ".signer.address"));
            if (Kind(kind) == Kind.Permit) continue; // a number that forge cannot read

            _fill(intent.fields, _names(Kind(kind)), string.concat(at, ".message."), 0);
            _fill(intent.witness, _witnessNames(Kind(kind)), string.concat(at, ".message.witness."), 1);
            bytes memory words = abi.encodePacked(intent.typehash, intent.fields);
            if (intent.witness.length > 0) words = bytes.concat(words, keccak256(abi.encodePacked(intent.witness)));
            assertEq(keccak256(words), order);
        }
    }

    function _fill(bytes32[] memory words, string[] memory names, string memory at, uint256 skipped) private view {
        for (uint256 i = 0; i < names.length; ++i) {
            words[skipped + i] = bytes32(vm.parseJson(vectors, string.concat(at, names[i])));
        }
    }

    function _literal(string memory at, string memory name) private view returns (bytes32) {
        return vm.parseJsonBytes32(vectors, string.concat(at, name));
    }

    function _text(string memory at, string memory name) private view returns (string memory) {
        return vm.parseJsonString(vectors, string.concat(at, name));
    }

    // --------------------------------------------------------------- verdicts

    function _accepted(Kind kind, bytes memory signature) private {
        uint256 before = vm.snapshotState();
        bytes32 state = _state();
        (bool done,) = _send(kind, signature);
        assertTrue(done, "a good order was refused");
        assertNotEq(_state(), state, "a good order changed nothing");
        vm.revertToState(before);
    }

    function _refused(Kind kind, bytes memory signature) private {
        _refused(kind, signature, _badSignature(kind));
    }

    function _refused(Kind kind, bytes memory signature, bytes memory refusal) private {
        _refusedPlainly(kind, signature, _inBatch(kind) ? abi.encode(0) : refusal);
    }

    function _refusedPlainly(Kind kind, bytes memory signature, bytes memory refusal) private {
        bytes32 before = _state();
        (bool done, bytes memory answer) = _send(kind, signature);
        assertFalse(done, "a bad order was executed");
        // Whom a bad permit's signature belongs to is part of its refusal.
        if (kind == Kind.Permit && bytes4(refusal) == ERC20Permit.ERC2612InvalidSigner.selector) {
            assertEq(bytes4(answer), bytes4(refusal));
        } else {
            assertEq(answer, refusal, "refused for another reason");
        }
        assertEq(_state(), before, "a refused order changed something");
    }

    function _badSignature(Kind kind) private view returns (bytes memory) {
        if (kind == Kind.Permit) return abi.encodeWithSelector(ERC20Permit.ERC2612InvalidSigner.selector);
        return abi.encodeWithSelector(ILoyaltyToken.BadSignature.selector, alice);
    }
}
