// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ICampaignHub} from "../interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../interfaces/ILoyaltyToken.sol";
import {Accounts, AccountWord} from "../libraries/Accounts.sol";

/// @title What every part of the hub stands on: its state, and the few ways it is read and changed
/// @dev Promises and units: see ICampaignHub.
abstract contract HubBase is ICampaignHub, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev `Campaign` as stored, with an announced change beside it that may already be due.
    struct CampaignState {
        address owner;
        uint40 end;
        uint32 hold;
        bool closed;
        uint16 bonus;
        uint96 budget;
        uint96 pot;
        uint40 expiry;
        bytes32 terms;
        Change change;
        address candidate;
    }

    enum MerchantStatus {
        None,
        Invited,
        Accepted
    }

    uint256 internal constant GRACE = 7 days;
    uint256 internal constant BASIS_POINTS = 10_000;

    /// @inheritdoc ICampaignHub
    address public immutable token;
    /// @inheritdoc ICampaignHub
    address public immutable asset;
    uint256 internal immutable _par;

    /// @inheritdoc ICampaignHub
    uint256 public campaignCount;

    mapping(uint256 id => CampaignState) internal _campaigns;
    mapping(uint256 id => mapping(address => MerchantStatus)) internal _merchants;
    mapping(uint256 id => mapping(address => AccountWord)) internal _accounts;

    constructor(address token_) EIP712("CampaignHub", "1") {
        token = token_;
        asset = ILoyaltyToken(token_).asset();
        _par = ILoyaltyToken(token_).par();
        // The token pulls only what its caller mints, so this lets the hub pay for its own mints and nothing else.
        IERC20(asset).forceApprove(token_, type(uint256).max);
    }

    // ------------------------------------------------------------ campaigns

    /// @dev For what never changes (hold, loop, expiry) and for budget and pot; else see `_settled`.
    function _known(uint256 id) internal view returns (CampaignState storage state) {
        state = _campaigns[id];
        // A campaign always has an owner.
        if (state.owner == address(0)) revert UnknownCampaign(id);
    }

    /// @dev The campaign with a change that is due written into it.
    function _settled(uint256 id) internal returns (CampaignState storage state) {
        state = _known(id);
        if (!_isDue(state)) return state;

        Change memory change = state.change;
        if (change.kind == ChangeKind.End) state.end = uint40(change.value);
        else if (change.kind == ChangeKind.Bonus) state.bonus = uint16(change.value);
        else _merchants[id][address(change.value)] = MerchantStatus.None;
        delete state.change;
    }

    function _isDue(CampaignState storage state) internal view returns (bool) {
        return state.change.kind != ChangeKind.None && block.timestamp >= state.change.effectiveAt;
    }

    /// @dev Where terms are due, their effective values; the storage stays as it is.
    function _endOf(CampaignState storage state) internal view returns (uint40) {
        return _isDue(state) && state.change.kind == ChangeKind.End ? uint40(state.change.value) : state.end;
    }

    function _bonusOf(CampaignState storage state) internal view returns (uint16) {
        return _isDue(state) && state.change.kind == ChangeKind.Bonus ? uint16(state.change.value) : state.bonus;
    }

    // ---------------------------------------------------------------- asset

    /// @dev Cashes the hub's own points out to the hub, exactly or not at all.
    function _cashOutToHub(uint256 points) internal {
        uint256 due = points * _par;
        uint256 before = IERC20(asset).balanceOf(address(this));
        ILoyaltyToken(token).cashOut(points, address(this));
        _checkReceived(due, before);
    }

    function _checkReceived(uint256 due, uint256 before) internal view {
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != due) revert ILoyaltyToken.AssetNotReceived(due, received);
    }

    // ------------------------------------------------------------- accounts

    /// @dev The hold period that is running, to which an account is to be matured before it is read or changed.
    function _periodOf(CampaignState storage state) internal view returns (uint256) {
        return Accounts.periodAt(state.hold, block.timestamp);
    }

    function _debit(uint256 id, address holder, uint256 period, uint256 amount) internal {
        if (amount == 0) revert ZeroAmount();
        AccountWord word = _accounts[id][holder].mature(period);
        uint256 matured = word.matured();
        if (amount > matured) revert InsufficientPoints(amount, matured);
        _accounts[id][holder] = word.withMatured(matured - amount);
    }

    /// @dev Uses up the account's nonce for a single signed order (ECDSA or ERC-1271).
    function _useOrder(
        bytes32 order,
        uint256 id,
        address holder,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) internal {
        if (block.timestamp > deadline) revert OrderExpired(deadline);
        AccountWord word = _accounts[id][holder];
        if (nonce != word.nonce()) revert NonceMismatch(nonce, word.nonce());
        _accounts[id][holder] = word.withNonceRaised(1);
        if (!SignatureChecker.isValidSignatureNowCalldata(holder, _hashTypedDataV4(order), signature)) {
            revert BadSignature(holder);
        }
    }
}
