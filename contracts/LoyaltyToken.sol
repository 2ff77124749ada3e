// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ILoyaltyToken} from "./interfaces/ILoyaltyToken.sol";
import {Entry} from "./libraries/Entries.sol";
import {Orders} from "./libraries/Orders.sol";

/// @title Points that belong to whoever earned them
/// @dev Promises and units: see ILoyaltyToken. OpenZeppelin's ERC20 and ERC20Permit with balance and nonce moved into
/// one slot, so that a signed order writes one slot instead of two.
contract LoyaltyToken is ERC20Permit, ReentrancyGuardTransient, ILoyaltyToken {
    using SafeERC20 for IERC20;

    struct Holder {
        uint96 balance;
        uint32 nonce;
    }

    uint256 private constant MAX_BATCH = 256;

    /// @inheritdoc ILoyaltyToken
    address public immutable asset;
    /// @inheritdoc ILoyaltyToken
    uint256 public immutable par;

    mapping(address => Holder) private _holders;
    uint96 private _supply;

    constructor(string memory name_, string memory symbol_, address asset_, uint256 par_)
        ERC20(name_, symbol_)
        ERC20Permit(name_)
    {
        if (par_ == 0) revert ZeroPar();
        asset = asset_;
        par = par_;
    }

    // ------------------------------------------------------------- issuing

    /// @inheritdoc ILoyaltyToken
    function mint(address to, uint256 points) external nonReentrant {
        _checkRecipient(to);
        if (points == 0) revert ZeroAmount();
        _pullAsset(points);
        _mint(to, points);
    }

    /// @inheritdoc ILoyaltyToken
    function mintBatch(bytes32[] calldata entries, uint256 total) external nonReentrant {
        if (total == 0) revert ZeroAmount();
        _pullAsset(total);
        _raiseSupply(total);
        _creditAll(address(0), entries, total);
    }

    /// @inheritdoc ILoyaltyToken
    function cashOut(uint256 points, address to) external nonReentrant {
        _cashOut(msg.sender, points, to);
    }

    // ------------------------------------------------------- sending in bulk

    /// @inheritdoc ILoyaltyToken
    function transferBatch(bytes32[] calldata entries, uint256 total) external {
        if (total == 0) revert ZeroAmount();
        _debit(msg.sender, total);
        _creditAll(msg.sender, entries, total);
    }

    // -------------------------------------------------------- signed orders

    /// @inheritdoc ILoyaltyToken
    function transferBySig(
        address holder,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        _checkRecipient(to);
        bytes32 order = Orders.transferHash(Orders.TRANSFER, holder, to, amount, nonce, deadline);
        _useOrder(order, holder, amount, nonce, deadline, signature);
        _transfer(holder, to, amount);
    }

    /// @inheritdoc ILoyaltyToken
    function cashOutBySig(
        address holder,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        bytes32 order = Orders.transferHash(Orders.CASH_OUT, holder, to, amount, nonce, deadline);
        _useOrder(order, holder, amount, nonce, deadline, signature);
        _cashOut(holder, amount, to);
    }

    /// @inheritdoc ILoyaltyToken
    function receiveOne(
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes32 witness,
        string calldata witnessType,
        bytes calldata signature
    ) external {
        if (holder == msg.sender) revert RecipientRefused(holder);
        bytes32 typehash = Orders.paymentTypehash(witnessType);
        bytes32 order = Orders.paymentHash(typehash, holder, msg.sender, amount, nonce, deadline, witness);
        _useOrder(order, holder, amount, nonce, deadline, signature);
        _transfer(holder, msg.sender, amount);
    }

    /// @inheritdoc ILoyaltyToken
    function receiveBatch(Payment[] calldata payments, bytes32[] calldata witnesses, string calldata witnessType)
        external
        returns (uint256 paid, uint256 total)
    {
        if (payments.length > MAX_BATCH) revert BatchTooLong(payments.length);
        if (payments.length != witnesses.length) revert LengthMismatch(payments.length, witnesses.length);

        bytes32 typehash = Orders.paymentTypehash(witnessType);
        for (uint256 i = 0; i < payments.length; ++i) {
            if (_take(payments[i], witnesses[i], typehash)) {
                paid |= 1 << i;
                total += payments[i].amount;
            }
        }
        _credit(msg.sender, total);
    }

    /// @inheritdoc ILoyaltyToken
    function cancel() external {
        uint32 nonce = _holders[msg.sender].nonce + uint32(Orders.CANCEL_STEP);
        _holders[msg.sender].nonce = nonce;
        emit OrdersCancelled(msg.sender, nonce);
    }

    // ------------------------------------------------- ERC-20 and ERC-2612

    /// @inheritdoc IERC20Metadata
    function decimals() public pure override(ERC20, IERC20Metadata) returns (uint8) {
        return 2;
    }

    /// @inheritdoc IERC20
    function totalSupply() public view override(ERC20, IERC20) returns (uint256) {
        return _supply;
    }

    /// @inheritdoc IERC20
    function balanceOf(address holder) public view override(ERC20, IERC20) returns (uint256) {
        return _holders[holder].balance;
    }

    /// @inheritdoc IERC20Permit
    function nonces(address holder) public view override(ERC20Permit, IERC20Permit) returns (uint256) {
        return _holders[holder].nonce;
    }

    function _useNonce(address holder) internal override(Nonces) returns (uint256 nonce) {
        nonce = _holders[holder].nonce++;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) _raiseSupply(value);
        else _debit(from, value);

        // The supply holds every balance, so what was debited fits both ways.
        if (to == address(0)) _supply -= uint96(value);
        else _credit(to, value);

        emit Transfer(from, to, value);
    }

    // ------------------------------------------------------------- internal

    function _debit(address from, uint256 value) private {
        uint256 balance = _holders[from].balance;
        if (balance < value) revert ERC20InsufficientBalance(from, balance, value);
        unchecked {
            _holders[from].balance = uint96(balance - value);
        }
    }

    /// @dev Cannot overflow: the supply, which bounds every balance, was checked before.
    function _credit(address to, uint256 value) private {
        unchecked {
            _holders[to].balance = uint96(_holders[to].balance + value);
        }
    }

    /// @dev `total` was debited or added to the supply before, so no credit overflows unless the entries add up to more,
    /// which is refused at the end.
    function _creditAll(address from, bytes32[] calldata entries, uint256 total) private {
        uint256 sum;
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry entry = Entry.wrap(entries[i]);
            address to = entry.recipient();
            uint256 amount = entry.amount();
            // One by one: `||` costs 20 gas more an entry.
            if (to == address(0)) revert RecipientRefused(to);
            if (to == address(this)) revert RecipientRefused(to);
            if (amount == 0) revert ZeroAmount();
            unchecked {
                sum += amount;
            }
            _credit(to, amount);
            emit Transfer(from, to, amount);
        }
        if (sum != total) revert TotalMismatch(total, sum);
    }

    function _raiseSupply(uint256 value) private {
        uint256 supply = _supply + value;
        if (supply > type(uint96).max) revert SupplyOverflow(supply);
        _supply = uint96(supply);
    }

    function _checkRecipient(address to) private view {
        if (to == address(0) || to == address(this)) revert RecipientRefused(to);
    }

    function _pullAsset(uint256 points) private {
        uint256 due = points * par;
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(msg.sender, address(this), due);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != due) revert AssetNotReceived(due, received);
    }

    function _cashOut(address holder, uint256 points, address to) private {
        _checkRecipient(to);
        if (points == 0) revert ZeroAmount();
        _burn(holder, points);
        IERC20(asset).safeTransfer(to, points * par);
        emit CashedOut(holder, to, points);
    }

    /// @dev Everything a single signed order needs before it takes effect.
    function _useOrder(
        bytes32 order,
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private {
        if (block.timestamp > deadline) revert OrderExpired(deadline);
        if (amount == 0) revert ZeroAmount();
        _useCheckedNonce(holder, nonce);
        if (!SignatureChecker.isValidSignatureNowCalldata(holder, _hashTypedDataV4(order), signature)) {
            revert BadSignature(holder);
        }
        emit OrderExecuted(holder, nonce);
    }

    /// @dev One payment of a batch; false, and nothing changed, when anything is wrong with it. The caller of
    /// `receiveBatch` is credited once, at its end.
    function _take(Payment calldata payment, bytes32 witness, bytes32 typehash) private returns (bool) {
        address holder = payment.holder;
        uint256 amount = payment.amount;
        uint256 nonce = payment.nonce;
        Holder memory slot = _holders[holder];

        if (block.timestamp > payment.deadline || holder == msg.sender) return false;
        if (amount == 0 || amount > slot.balance) return false;
        // The last nonce is never used up in a batch: counting on would overflow and fail the good entries too.
        if (nonce != slot.nonce || nonce == type(uint32).max) return false;

        bytes32 order =
            Orders.paymentHash(typehash, holder, msg.sender, amount, nonce, payment.deadline, witness);
        (address signer, ECDSA.RecoverError err,) =
            ECDSA.tryRecover(_hashTypedDataV4(order), payment.r, payment.vs);
        if (err != ECDSA.RecoverError.NoError || signer != holder) return false;

        unchecked {
            _holders[holder] = Holder(uint96(slot.balance - amount), uint32(nonce + 1));
        }
        emit Transfer(holder, msg.sender, amount);
        return true;
    }
}
