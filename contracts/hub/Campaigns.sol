// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICampaignHub} from "../interfaces/ICampaignHub.sol";
import {HubBase} from "./HubBase.sol";

/// @title Terms, roles and money of campaigns
abstract contract Campaigns is HubBase {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    uint256 private constant MAX_HOLD = 90 days;
    uint256 private constant MAX_FEE = 500;
    /// @dev Between the last maturing award and the expiry of a closed campaign.
    uint256 private constant MIN_SPENDING_TIME = 90 days;

    /// @inheritdoc ICampaignHub
    address public immutable treasury;
    /// @inheritdoc ICampaignHub
    uint256 public immutable feeBps;

    constructor(address treasury_, uint256 feeBps_) {
        if (treasury_ == address(0)) revert RecipientRefused(treasury_);
        if (feeBps_ > MAX_FEE) revert TermRefused("fee");
        treasury = treasury_;
        feeBps = feeBps_;
    }

    // ---------------------------------------------------------------- facts

    /// @inheritdoc ICampaignHub
    function campaign(uint256 id) external view returns (Campaign memory) {
        CampaignState storage state = _known(id);
        return Campaign({
            owner: state.owner,
            end: _endOf(state),
            hold: state.hold,
            closed: state.closed,
            expiry: state.expiry,
            bonus: _bonusOf(state),
            budget: state.budget,
            pot: state.pot,
            terms: state.terms
        });
    }

    /// @inheritdoc ICampaignHub
    function pendingChange(uint256 id) external view returns (Change memory change) {
        CampaignState storage state = _known(id);
        if (!_isDue(state)) change = state.change;
    }

    /// @inheritdoc ICampaignHub
    function isMerchant(uint256 id, address merchant) external view returns (bool) {
        CampaignState storage state = _known(id);
        Change memory change = state.change;
        if (_isDue(state) && change.kind == ChangeKind.MerchantOff && address(change.value) == merchant) return false;
        return _merchants[id][merchant] == MerchantStatus.Accepted;
    }

    // ---------------------------------------------------------------- terms

    /// @inheritdoc ICampaignHub
    function createCampaign(uint40 end, uint32 hold, bool closed, uint40 expiry, uint16 bonus, bytes32 terms)
        external
        returns (uint256 id)
    {
        if (end <= block.timestamp) revert TermRefused("end");
        if (hold > MAX_HOLD) revert TermRefused("hold");
        if (closed ? expiry < _earliestExpiry(end, hold) : expiry != 0) revert TermRefused("expiry");
        if (bonus > (closed ? BASIS_POINTS : 0)) revert TermRefused("bonus");

        id = ++campaignCount;
        CampaignState storage state = _campaigns[id];
        state.owner = msg.sender;
        state.end = end;
        state.hold = hold;
        state.closed = closed;
        state.bonus = bonus;
        state.expiry = expiry;
        state.terms = terms;
        emit CampaignCreated(id, msg.sender, end, hold, closed, expiry, bonus, terms);
    }

    /// @inheritdoc ICampaignHub
    function scheduleEnd(uint256 id, uint40 end) external {
        CampaignState storage state = _owned(id);
        if (block.timestamp + GRACE > state.end) revert CampaignEnded(state.end);
        if (end < block.timestamp + GRACE) revert TermRefused("end");
        if (state.closed && state.expiry < _earliestExpiry(end, state.hold)) revert TermRefused("expiry");
        _schedule(id, state, ChangeKind.End, end);
    }

    /// @inheritdoc ICampaignHub
    function scheduleBonus(uint256 id, uint16 bonus) external {
        CampaignState storage state = _owned(id);
        if (!state.closed) revert OpenLoop(id);
        if (bonus > BASIS_POINTS) revert TermRefused("bonus");
        _schedule(id, state, ChangeKind.Bonus, bonus);
    }

    /// @inheritdoc ICampaignHub
    function scheduleMerchantOff(uint256 id, address merchant) external {
        CampaignState storage state = _owned(id);
        if (_merchants[id][merchant] == MerchantStatus.None) revert NotMerchant(merchant);
        _schedule(id, state, ChangeKind.MerchantOff, uint160(merchant));
    }

    /// @inheritdoc ICampaignHub
    function withdrawChange(uint256 id) external {
        CampaignState storage state = _owned(id);
        if (state.change.kind == ChangeKind.None) revert NoChangePending();
        delete state.change;
        emit ChangeWithdrawn(id);
    }

    function _schedule(uint256 id, CampaignState storage state, ChangeKind kind, uint160 value) private {
        if (state.change.kind != ChangeKind.None) revert ChangePending(state.change.effectiveAt);
        uint40 effectiveAt = uint40(block.timestamp + GRACE);
        state.change = Change(kind, effectiveAt, value);
        emit ChangeScheduled(id, kind, value, effectiveAt);
    }

    function _earliestExpiry(uint256 end, uint256 hold) private pure returns (uint256) {
        return end + 2 * hold + MIN_SPENDING_TIME;
    }

    // ---------------------------------------------------------------- roles

    /// @inheritdoc ICampaignHub
    function offerOwnership(uint256 id, address candidate) external {
        _owned(id).candidate = candidate;
        emit OwnershipOffered(id, candidate);
    }

    /// @inheritdoc ICampaignHub
    function acceptOwnership(uint256 id) external {
        CampaignState storage state = _known(id);
        if (msg.sender != state.candidate) revert NotCandidate(msg.sender);
        emit OwnershipTransferred(id, state.owner, msg.sender);
        state.owner = msg.sender;
        delete state.candidate;
    }

    /// @inheritdoc ICampaignHub
    function inviteMerchant(uint256 id, address merchant) external {
        _owned(id);
        // Inviting again must not undo an acceptance: only a scheduled change puts a merchant off.
        if (_merchants[id][merchant] == MerchantStatus.Accepted) revert RecipientRefused(merchant);
        _merchants[id][merchant] = MerchantStatus.Invited;
        emit MerchantInvited(id, merchant);
    }

    /// @inheritdoc ICampaignHub
    function acceptMerchant(uint256 id) external {
        _settled(id);
        if (_merchants[id][msg.sender] != MerchantStatus.Invited) revert NotInvited(msg.sender);
        _merchants[id][msg.sender] = MerchantStatus.Accepted;
        emit MerchantAccepted(id, msg.sender);
    }

    function _owned(uint256 id) private returns (CampaignState storage state) {
        state = _settled(id);
        if (msg.sender != state.owner) revert NotOwner(msg.sender);
    }

    // ---------------------------------------------------------------- money

    /// @inheritdoc ICampaignHub
    function fund(uint256 id, uint256 budget, uint256 pot) external nonReentrant {
        CampaignState storage state = _settled(id);
        if (block.timestamp >= state.end + GRACE) revert CampaignEnded(state.end + GRACE);
        if (budget == 0 && pot == 0) revert ZeroAmount();
        if (pot > 0 && !state.closed) revert TermRefused("pot");
        state.budget = (budget + state.budget).toUint96();
        state.pot = (pot + state.pot).toUint96();

        uint256 due = (budget + pot) * _par;
        uint256 fee = Math.mulDiv(due, feeBps, BASIS_POINTS, Math.Rounding.Ceil);
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(msg.sender, address(this), due);
        _checkReceived(due, before);
        if (fee > 0) IERC20(asset).safeTransferFrom(msg.sender, treasury, fee);
        emit Funded(id, msg.sender, budget, pot, fee);
    }

    /// @inheritdoc ICampaignHub
    function sweep(uint256 id) external nonReentrant {
        CampaignState storage state = _settled(id);
        if (block.timestamp < state.end + GRACE) revert NotYet(state.end + GRACE);
        uint256 points = uint256(state.budget) + state.pot;
        if (points == 0) revert ZeroAmount();
        state.budget = 0;
        state.pot = 0;
        address owner = state.owner;
        IERC20(asset).safeTransfer(owner, points * _par);
        emit Swept(id, owner, points);
    }
}
