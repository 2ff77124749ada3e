// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Dice} from "./Dice.sol";
import {Digests} from "./Digests.sol";
import {Reentry} from "./Reentry.sol";

/// @title Orders that holders signed; they lie about, whether used or not, for anyone to send or send again
abstract contract Shelf is Reentry {
    enum Kind {
        Transfer,
        CashOut,
        Payment,
        Enter,
        Redeem,
        Leave,
        Move,
        Stay,
        Spend
    }

    /// @param to recipient, payee or merchant
    /// @param id campaign; of a move the one that is left
    /// @param other of a move the campaign that is entered
    /// @param forged signed by somebody else
    /// @param serial counts what was signed, to compare with cancellations
    struct Signed {
        Kind kind;
        address holder;
        address to;
        uint256 amount;
        uint256 id;
        uint256 other;
        uint256 minReceived;
        bool stay;
        uint256 nonce;
        uint256 deadline;
        bytes32 offer;
        bytes32 sealKey;
        bytes32 commitment;
        bool forged;
        uint256 serial;
        bytes32 digest;
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    string internal constant SHOP_WITNESS = "Purchase witness)Purchase(bytes32 item)";
    uint256 private constant SHELF = 32;

    Signed[] private _shelf;
    uint256 internal signedSoFar;
    mapping(bytes32 digest => bool) internal usedUp;
    /// @dev By wallet (campaign 0) or account: what was signed before this serial number is void.
    mapping(uint256 id => mapping(address => uint256)) internal voidBefore;

    // -------------------------------------------------------------- signing

    /// @notice A new order of some holder, mostly one that can be executed.
    function _draw(Dice memory d) internal returns (Signed memory o) {
        return _drawKind(d, Kind(d.below(9)));
    }

    function _drawKind(Dice memory d, Kind kind) internal returns (Signed memory o) {
        o.kind = kind;
        if (_ofAccount(kind)) (o.holder, o.id) = _position(d, kind != Kind.Spend);
        else o.holder = _buyer(d);
        // The asset has no key to sign with.
        if (o.holder == address(asset)) o.holder = bob;
        if (!_isCampaign(o.id)) o.id = 1 + d.below(campaigns);
        o.other = 1 + d.below(campaigns);
        o.to = _isRedemption(kind) || kind == Kind.Payment ? _shop(d, o.id) : _recipient(d);
        o.amount = d.some(_ofAccount(kind) ? free(o.id, o.holder) : wallets[o.holder]);
        o.minReceived = o.amount + (d.oneIn(4) ? bonusOn(kind == Kind.Move ? o.other : o.id, o.amount) : 0);
        o.stay = d.oneIn(2);
        uint256 ahead = d.oneIn(5) ? (d.oneIn(4) ? 2 : 1) : 0;
        o.nonce = (_ofHub(kind) ? purse(o.id, o.holder).nonce : walletNonces[o.holder]) + ahead;
        o.deadline = d.oneIn(12) ? block.timestamp - 1 : block.timestamp + d.below(30 days);
        o.offer = bytes32(d.below(4));
        o.sealKey = bytes32(d.below(2 ** 64));
        o.commitment = d.oneIn(20) ? bytes32(0) : keccak256(abi.encode(d.seed));
        _signIt(o, d.oneIn(12) ? stranger : o.holder);
        _shelve(o);
    }

    function _signIt(Signed memory o, address signer) internal {
        o.forged = signer != o.holder;
        o.serial = ++signedSoFar;
        bytes32 domain = _ofHub(o.kind)
            ? Digests.domain("CampaignHub", address(hub))
            : Digests.domain("Points", address(token));
        o.digest = Digests.digest(domain, _structHash(o));
        (o.v, o.r, o.s) = _sign(signer, o.digest);
    }

    function _shelve(Signed memory o) private {
        if (_shelf.length < SHELF) _shelf.push(o);
        else _shelf[o.serial % SHELF] = o;
    }

    /// @return o something signed earlier; `found` false when nothing was
    function _oldOrder(Dice memory d) internal view returns (Signed memory o, bool found) {
        if (_shelf.length == 0) return (o, false);
        return (_shelf[d.below(_shelf.length)], true);
    }

    /// @param ahead true: mostly one that was signed ahead; false: mostly one whose turn it is
    function _openOrder(Dice memory d, bool ahead) internal view returns (Signed memory o, bool found) {
        (o, found) = _oldOrder(d);
        for (uint256 i = 0; found && i < 12; ++i) {
            uint256 turn = _ofHub(o.kind) ? hub.account(o.id, o.holder).nonce : token.nonces(o.holder);
            if (ahead ? o.nonce > turn : o.nonce == turn) break;
            (o,) = _oldOrder(d);
        }
    }

    /// @return merchant one of the two, mostly one that the campaign has
    function _shop(Dice memory d, uint256 id) private view returns (address merchant) {
        if (d.oneIn(15)) return _anybody(d);
        merchant = d.oneIn(2) ? baker : accomplice;
        bool serves = standing[id][merchant] == Standing.Accepted;
        if (!serves && !d.oneIn(8)) merchant = merchant == baker ? accomplice : baker;
    }

    // --------------------------------------------------------------- typing

    function _ofHub(Kind kind) internal pure returns (bool) {
        return uint8(kind) >= uint8(Kind.Leave);
    }

    function _ofAccount(Kind kind) internal pure returns (bool) {
        return _ofHub(kind) && kind != Kind.Stay;
    }

    function _isRedemption(Kind kind) internal pure returns (bool) {
        return kind == Kind.Redeem || kind == Kind.Spend;
    }

    function _structHash(Signed memory o) private view returns (bytes32) {
        Kind k = o.kind;
        if (k == Kind.Transfer || k == Kind.CashOut) {
            string memory name = k == Kind.Transfer ? "Transfer" : "CashOut";
            return Digests.transfer(name, o.holder, o.to, o.amount, o.nonce, o.deadline);
        }
        if (k == Kind.Leave) return Digests.leaving(o.holder, o.id, o.amount, o.nonce, o.deadline);
        if (k == Kind.Stay) return Digests.staying(o.holder, o.id, o.stay, o.nonce, o.deadline);
        if (k == Kind.Move) {
            return Digests.moving(o.holder, [o.id, o.other, o.amount, o.minReceived], o.nonce, o.deadline);
        }
        if (k == Kind.Spend) {
            return Digests.spending(o.holder, o.id, o.to, o.amount, [o.offer, o.sealKey], o.nonce, o.deadline);
        }
        (string memory witnessType, bytes32 witness) = _witness(o);
        address payee = k == Kind.Payment ? o.to : address(hub);
        return Digests.payment(witnessType, witness, o.holder, payee, o.amount, o.nonce, o.deadline);
    }

    function _witness(Signed memory o) internal pure returns (string memory, bytes32) {
        if (o.kind == Kind.Enter) {
            return ("Enter witness)Enter(uint256 campaign,uint256 minReceived)", Digests.enter(o.id, o.minReceived));
        }
        if (o.kind == Kind.Redeem) {
            return (
                "Redemption witness)Redemption(address merchant,bytes32 offer,bytes32 sealKey)",
                Digests.redemption(o.to, o.offer, o.sealKey)
            );
        }
        return (SHOP_WITNESS, keccak256(abi.encode(keccak256("Purchase(bytes32 item)"), o.offer)));
    }

    // ------------------------------------------------------------- call data

    function _whole(Signed memory o) internal pure returns (bytes memory) {
        return abi.encodePacked(o.r, o.s, o.v);
    }

    function _vs(Signed memory o) internal pure returns (bytes32) {
        return bytes32(uint256(o.s) | (uint256(o.v - 27) << 255));
    }

    function _hubOrder(Signed memory o) internal pure returns (ICampaignHub.Order memory) {
        return ICampaignHub.Order(
            o.holder, o.amount, o.offer, o.sealKey, o.nonce, o.deadline, o.commitment, o.r, _vs(o)
        );
    }

    function _single(Signed memory o) internal view returns (address target, bytes memory data) {
        target = _ofHub(o.kind) || o.kind == Kind.Enter || o.kind == Kind.Redeem ? address(hub) : address(token);
        bytes memory sig = _whole(o);
        if (o.kind == Kind.Transfer) {
            data = abi.encodeCall(
                ILoyaltyToken.transferBySig, (o.holder, o.to, o.amount, o.nonce, o.deadline, sig)
            );
        } else if (o.kind == Kind.CashOut) {
            data = abi.encodeCall(ILoyaltyToken.cashOutBySig, (o.holder, o.to, o.amount, o.nonce, o.deadline, sig));
        } else if (o.kind == Kind.Payment) {
            data = _receiveOne(o, sig);
        } else if (o.kind == Kind.Enter) {
            data = abi.encodeCall(
                ICampaignHub.enterBySig, (o.id, o.holder, o.amount, o.minReceived, o.nonce, o.deadline, sig)
            );
        } else if (o.kind == Kind.Redeem) {
            data = abi.encodeCall(ICampaignHub.redeem, (o.to, _hubOrder(o), sig));
        } else {
            data = _singleOfAccount(o, sig);
        }
    }

    function _receiveOne(Signed memory o, bytes memory sig) private pure returns (bytes memory) {
        (string memory witnessType, bytes32 witness) = _witness(o);
        return abi.encodeCall(
            ILoyaltyToken.receiveOne, (o.holder, o.amount, o.nonce, o.deadline, witness, witnessType, sig)
        );
    }

    function _singleOfAccount(Signed memory o, bytes memory sig) private pure returns (bytes memory) {
        if (o.kind == Kind.Leave) {
            return abi.encodeCall(ICampaignHub.leaveBySig, (o.id, o.holder, o.amount, o.nonce, o.deadline, sig));
        }
        if (o.kind == Kind.Stay) {
            return abi.encodeCall(ICampaignHub.setStayBySig, (o.id, o.holder, o.stay, o.nonce, o.deadline, sig));
        }
        if (o.kind == Kind.Spend) return abi.encodeCall(ICampaignHub.spend, (o.id, o.to, _hubOrder(o), sig));
        return abi.encodeCall(
            ICampaignHub.moveBySig,
            (o.id, o.other, o.holder, o.amount, o.minReceived, o.nonce, o.deadline, sig)
        );
    }
}
