// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {Setting} from "./Setting.sol";

/// @title Everything that a holder can sign, as words that can be changed one by one, and the call that it is good for
/// @dev The call's arguments always stay what they are: what is tampered with is what was signed. So every other check
/// passes, and only the signature is wrong. Type hashes are the literals of tests/vectors/eip712.json.
abstract contract Intents is Setting {
    enum Kind {
        Transfer,
        CashOut,
        PaymentEnter,
        PaymentRedemption,
        Permit,
        Leave,
        Move,
        Stay,
        Spend,
        // the same orders in a batch, which skips instead of refusing
        RedemptionInBatch,
        SpendInBatch
    }

    /// @param domain keccak256 of the name, keccak256 of the version, chain, verifying contract
    /// @param fields of the struct, each in a word, without the witness
    /// @param witness fields of the witness, with its type hash before; empty where there is none
    struct Intent {
        bytes32[4] domain;
        bytes32 typehash;
        bytes32[] fields;
        bytes32[] witness;
    }

    uint256 internal constant KINDS = 11;
    bytes32 internal constant OFFER = keccak256("offer");
    bytes32 internal constant SEAL_KEY = keccak256("seal key");
    bytes32 internal constant COMMITMENT = keccak256("code");
    uint256 internal constant AMOUNT = 100;

    string internal vectors;
    /// @dev Whose order the calls say that it is, and which.
    address internal holder;
    uint256 internal nonce;

    function setUp() public virtual override {
        super.setUp();
        vectors = vm.readFile("tests/vectors/eip712.json");
        holder = alice;
    }

    // -------------------------------------------------------------- the order

    function _intent(Kind kind) internal view returns (Intent memory intent) {
        bool ofHub = _ofHub(kind);
        intent.domain = [
            keccak256(bytes(ofHub ? "CampaignHub" : "Points")),
            keccak256("1"),
            bytes32(block.chainid),
            _word(ofHub ? address(hub) : address(token))
        ];
        intent.typehash = vm.parseJsonBytes32(vectors, string.concat(_vector(kind), ".typehash"));
        string[] memory names = _names(kind);
        intent.fields = new bytes32[](names.length);
        for (uint256 i = 0; i < names.length; ++i) {
            intent.fields[i] = _value(kind, names[i]);
        }
        names = _witnessNames(kind);
        if (names.length == 0) return intent;
        intent.witness = new bytes32[](1 + names.length);
        intent.witness[0] = vm.parseJsonBytes32(vectors, string.concat(_vector(kind), ".witness.typehash"));
        for (uint256 i = 0; i < names.length; ++i) {
            intent.witness[1 + i] = _value(kind, names[i]);
        }
    }

    function _digest(Intent memory intent) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                intent.domain
            )
        );
        bytes memory order = abi.encodePacked(intent.typehash, intent.fields);
        if (intent.witness.length > 0) order = abi.encodePacked(order, keccak256(abi.encodePacked(intent.witness)));
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(order)));
    }

    function _signed(Intent memory intent) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(aliceKey, _digest(intent));
        return abi.encodePacked(r, s, v);
    }

    function _ofHub(Kind kind) internal pure returns (bool) {
        return kind == Kind.SpendInBatch || (kind > Kind.Permit && kind < Kind.RedemptionInBatch);
    }

    function _inBatch(Kind kind) internal pure returns (bool) {
        return kind >= Kind.RedemptionInBatch;
    }

    /// @dev Where the kind's vector is in the shared file.
    function _vector(Kind kind) internal pure returns (string memory) {
        if (kind == Kind.RedemptionInBatch) kind = Kind.PaymentRedemption;
        if (kind == Kind.SpendInBatch) kind = Kind.Spend;
        return string.concat(".vectors[", vm.toString(uint256(kind)), "]");
    }

    function _names(Kind kind) internal pure returns (string[] memory) {
        if (kind <= Kind.CashOut) return _split("holder,to,amount,nonce,deadline");
        if (kind == Kind.Permit) return _split("owner,spender,value,nonce,deadline");
        if (kind == Kind.Leave) return _split("holder,campaign,amount,nonce,deadline");
        if (kind == Kind.Move) return _split("holder,from,to,amount,minReceived,nonce,deadline");
        if (kind == Kind.Stay) return _split("holder,campaign,stay,nonce,deadline");
        if (_ofHub(kind)) return _split("holder,campaign,merchant,amount,offer,sealKey,nonce,deadline");
        return _split("holder,payee,amount,nonce,deadline");
    }

    function _witnessNames(Kind kind) internal pure returns (string[] memory none) {
        if (kind == Kind.PaymentEnter) return _split("campaign,minReceived");
        if (kind == Kind.PaymentRedemption || kind == Kind.RedemptionInBatch) return _split("merchant,offer,sealKey");
    }

    function _value(Kind kind, string memory name) private view returns (bytes32) {
        bytes32 id = keccak256(bytes(name));
        if (id == keccak256("holder") || id == keccak256("owner")) return _word(holder);
        if (id == keccak256("payee")) return _word(address(hub));
        if (id == keccak256("spender")) return _word(friend);
        if (id == keccak256("merchant")) return _word(merchant);
        if (id == keccak256("to")) return kind == Kind.Move ? bytes32(other) : _word(friend);
        if (id == keccak256("campaign") || id == keccak256("from")) return bytes32(open);
        if (id == keccak256("offer")) return OFFER;
        if (id == keccak256("sealKey")) return SEAL_KEY;
        if (id == keccak256("stay")) return 0;
        if (id == keccak256("nonce")) return bytes32(nonce);
        if (id == keccak256("deadline")) return bytes32(DEADLINE);
        return bytes32(AMOUNT); // amount, value, minReceived
    }

    // --------------------------------------------------------------- the call

    /// @return done whether the order took effect
    /// @return answer what the contract said when it refused
    function _send(Kind kind, bytes memory signature) internal returns (bool done, bytes memory answer) {
        vm.prank(relayer);
        (done, answer) = (_ofHub(kind) || _inBatch(kind) || _pays(kind) ? address(hub) : address(token))
            .call(_call(kind, signature));
        if (_inBatch(kind)) {
            require(done, "a batch refused instead of skipping");
            done = abi.decode(answer, (uint256)) == 1;
        }
    }

    function _pays(Kind kind) private pure returns (bool) {
        return kind == Kind.PaymentEnter || kind == Kind.PaymentRedemption;
    }

    function _call(Kind kind, bytes memory signature) private view returns (bytes memory) {
        if (kind <= Kind.CashOut) {
            bytes4 selector = kind == Kind.CashOut ? token.cashOutBySig.selector : token.transferBySig.selector;
            return _orderCall(signature, selector, abi.encode(holder, friend, AMOUNT));
        }
        if (kind == Kind.PaymentEnter) {
            return _orderCall(signature, hub.enterBySig.selector, abi.encode(open, holder, AMOUNT, AMOUNT));
        }
        if (kind == Kind.Leave) return _orderCall(signature, hub.leaveBySig.selector, abi.encode(open, holder, AMOUNT));
        if (kind == Kind.Move) {
            return _orderCall(signature, hub.moveBySig.selector, abi.encode(open, other, holder, AMOUNT, AMOUNT));
        }
        if (kind == Kind.Stay) return _orderCall(signature, hub.setStayBySig.selector, abi.encode(open, holder, false));
        (uint8 v, bytes32 r, bytes32 s) = _parts(signature);
        if (kind == Kind.Permit) {
            return abi.encodeCall(IERC20Permit.permit, (holder, friend, AMOUNT, DEADLINE, v, r, s));
        }

        bytes32 vs = bytes32(uint256(s) | (v == 28 ? 1 << 255 : 0));
        ICampaignHub.Order memory order =
            ICampaignHub.Order(holder, AMOUNT, OFFER, SEAL_KEY, nonce, DEADLINE, COMMITMENT, r, vs);
        if (kind == Kind.PaymentRedemption) return abi.encodeCall(ICampaignHub.redeem, (merchant, order, signature));
        if (kind == Kind.Spend) return abi.encodeCall(ICampaignHub.spend, (open, merchant, order, signature));
        ICampaignHub.Order[] memory orders = new ICampaignHub.Order[](1);
        orders[0] = order;
        if (kind == Kind.SpendInBatch) return abi.encodeCall(ICampaignHub.spendBatch, (open, merchant, orders));
        return abi.encodeCall(ICampaignHub.redeemBatch, (merchant, orders));
    }

    /// @dev A call whose last arguments are nonce, deadline and signature, and whose `first` are words.
    function _orderCall(bytes memory signature, bytes4 selector, bytes memory first)
        private
        view
        returns (bytes memory)
    {
        bytes memory words = bytes.concat(first, abi.encode(nonce, DEADLINE));
        bytes memory padding = new bytes((32 - signature.length % 32) % 32);
        return bytes.concat(selector, words, abi.encode(words.length + 32, signature.length), signature, padding);
    }

    function _parts(bytes memory signature) internal pure returns (uint8 v, bytes32 r, bytes32 s) {
        if (signature.length != 65) return (27, 0, 0); // not for the kinds whose signature has a length
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }

    function _word(address who) private pure returns (bytes32) {
        return bytes32(uint256(uint160(who)));
    }

    function _split(string memory names) private pure returns (string[] memory) {
        return vm.split(names, ",");
    }
}
