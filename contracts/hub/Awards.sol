// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICampaignHub} from "../interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../interfaces/ILoyaltyToken.sol";
import {AccountWord} from "../libraries/Accounts.sol";
import {Entry} from "../libraries/Entries.sol";
import {HubBase} from "./HubBase.sol";

/// @title Operators mint for earned actions, and take back what is still held
abstract contract Awards is HubBase {
    using SafeCast for uint256;

    /// @param cap points a UTC day, awards and clawbacks together; 0: not authorised
    /// @param used on `day`
    struct Operator {
        uint96 cap;
        uint96 used;
        uint32 day;
    }

    mapping(uint256 id => mapping(address => Operator)) private _operators;
    mapping(uint256 id => mapping(uint256 word => uint256)) private _landed;

    /// @inheritdoc ICampaignHub
    function operator(uint256 id, address key) external view returns (uint256 dailyCap, uint256 usedToday) {
        _known(id);
        Operator storage state = _operators[id][key];
        return (state.cap, _usedToday(state));
    }

    /// @inheritdoc ICampaignHub
    function landed(uint256 id, uint256 number) external view returns (bool) {
        _known(id);
        return _landed[id][number >> 8] & (1 << (number & 0xff)) != 0;
    }

    /// @inheritdoc ICampaignHub
    function setOperator(uint256 id, address key, uint96 dailyCap) external {
        if (msg.sender != _known(id).owner) revert NotOwner(msg.sender);
        // What was used today stays counted, so that a cap set anew is no second cap.
        _operators[id][key].cap = dailyCap;
        emit OperatorSet(id, key, dailyCap);
    }

    /// @inheritdoc ICampaignHub
    function awardBatch(uint256 id, uint256 number, bytes32[] calldata entries) external nonReentrant {
        CampaignState storage state = _settled(id);
        if (block.timestamp >= state.end + GRACE) revert CampaignEnded(state.end + GRACE);

        _land(id, number);
        bool toWallets = !state.closed && state.hold == 0;
        uint256 total = toWallets ? _total(entries) : _awardAccounts(id, state, entries);
        _useCap(id, total);
        uint256 budget = state.budget;
        if (total > budget) revert OverBudget(total, budget);
        state.budget = uint96(budget - total);

        if (toWallets) ILoyaltyToken(token).mintBatch(entries, total);
        else ILoyaltyToken(token).mint(address(this), total);
        emit AwardLanded(id, number, total);
    }

    /// @inheritdoc ICampaignHub
    function clawbackBatch(uint256 id, uint256 number, bytes32[] calldata entries) external nonReentrant {
        CampaignState storage state = _known(id);
        _land(id, number);
        uint256 period = _periodOf(state);
        uint256 total;
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry entry = Entry.wrap(entries[i]);
            address holder = entry.recipient();
            (AccountWord word, uint256 taken) = _accounts[id][holder].mature(period).clawback(entry.amount());
            if (taken == 0) continue;
            _accounts[id][holder] = word;
            total += taken;
            emit AccountClawedBack(id, holder, taken);
        }
        _useCap(id, total);

        if (total > 0) {
            _cashOutToHub(total);
            state.budget = (total + state.budget).toUint96();
        }
        emit ClawbackLanded(id, number, total);
    }

    function _awardAccounts(uint256 id, CampaignState storage state, bytes32[] calldata entries)
        private
        returns (uint256 total)
    {
        mapping(address => AccountWord) storage accounts = _accounts[id];
        uint256 period = _periodOf(state);
        bool held = state.hold > 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry entry = Entry.wrap(entries[i]);
            address holder = entry.recipient();
            uint256 amount = entry.amount();
            // What the token refuses for wallets: releasing such an account would fail, and others with it.
            if (holder == address(0)) revert RecipientRefused(holder);
            if (holder == token) revert RecipientRefused(holder);
            if (holder == address(this)) revert RecipientRefused(holder);
            if (amount == 0) revert ZeroAmount();
            AccountWord word = accounts[holder].mature(period);
            accounts[holder] = held ? word.awardHeld(amount) : word.awardMatured(amount);
            emit AccountAwarded(id, holder, amount);
            unchecked {
                total += amount;
            }
        }
    }

    /// @dev The hub must not be given points of its own: they would count as nobody's.
    function _total(bytes32[] calldata entries) private view returns (uint256 total) {
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry entry = Entry.wrap(entries[i]);
            if (entry.recipient() == address(this)) revert RecipientRefused(address(this));
            unchecked {
                total += entry.amount();
            }
        }
    }

    /// @dev Uses up the batch number. First of all, so that a batch that two operators send fails cheaply the second time.
    function _land(uint256 id, uint256 number) private {
        if (_operators[id][msg.sender].cap == 0) revert NotOperator(msg.sender);
        uint256 bit = 1 << (number & 0xff);
        uint256 word = _landed[id][number >> 8];
        if (word & bit != 0) revert NumberTaken(number);
        _landed[id][number >> 8] = word | bit;
    }

    /// @dev Uses up the caller's cap of the day by what the batch moves.
    function _useCap(uint256 id, uint256 points) private {
        Operator storage state = _operators[id][msg.sender];
        uint256 cap = state.cap;
        uint256 used = _usedToday(state);
        uint256 left = used < cap ? cap - used : 0;
        if (points > left) revert OverDailyCap(points, left);
        state.used = uint96(used + points);
        state.day = uint32(block.timestamp / 1 days);
    }

    function _usedToday(Operator storage state) private view returns (uint256) {
        return state.day == block.timestamp / 1 days ? state.used : 0;
    }
}
