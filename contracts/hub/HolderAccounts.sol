// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICampaignHub} from "../interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../interfaces/ILoyaltyToken.sol";
import {AccountWord} from "../libraries/Accounts.sol";
import {pack} from "../libraries/Entries.sol";
import {Orders} from "../libraries/Orders.sol";
import {HubBase} from "./HubBase.sol";

/// @title What holders do with their accounts, and what anyone may do for them
abstract contract HolderAccounts is HubBase {
    using SafeCast for uint256;

    /// @inheritdoc ICampaignHub
    function account(uint256 id, address holder) external view returns (Account memory) {
        CampaignState storage state = _known(id);
        AccountWord word = _accounts[id][holder].mature(_periodOf(state));
        return Account({
            matured: word.matured(),
            pending: word.pending(),
            nextMaturity: word.nextMaturity(state.hold),
            nonce: word.nonce(),
            stay: word.stay()
        });
    }

    // ---------------------------------------------------------------- enter

    /// @inheritdoc ICampaignHub
    function enter(uint256 id, uint256 amount, uint256 minReceived) external nonReentrant {
        CampaignState storage state = _running(id);
        // The token reverts or returns true.
        // slither-disable-next-line unchecked-transfer
        IERC20(token).transferFrom(msg.sender, address(this), amount);
        emit Entered(id, msg.sender, amount, _arrive(id, state, msg.sender, amount, minReceived));
    }

    /// @inheritdoc ICampaignHub
    function enterBySig(
        uint256 id,
        address holder,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        CampaignState storage state = _running(id);
        bytes32 witness = Orders.enterHash(id, minReceived);
        ILoyaltyToken(token)
            .receiveOne(holder, amount, nonce, deadline, witness, Orders.ENTER_WITNESS, signature);
        emit Entered(id, holder, amount, _arrive(id, state, holder, amount, minReceived));
    }

    // ---------------------------------------------------------------- leave

    /// @inheritdoc ICampaignHub
    function leave(uint256 id, uint256 amount) external {
        _leave(id, msg.sender, amount);
    }

    /// @inheritdoc ICampaignHub
    function leaveBySig(
        uint256 id,
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 order = Orders.leaveHash(holder, id, amount, nonce, deadline);
        _useOrder(order, id, holder, nonce, deadline, signature);
        emit OrderExecuted(id, holder, nonce);
        _leave(id, holder, amount);
    }

    function _leave(uint256 id, address holder, uint256 amount) private {
        _debit(id, holder, _periodOf(_open(id)), amount);
        // slither-disable-next-line unchecked-transfer
        IERC20(token).transfer(holder, amount);
        emit Left(id, holder, amount);
    }

    // ----------------------------------------------------------------- move

    /// @inheritdoc ICampaignHub
    function move(uint256 from, uint256 to, uint256 amount, uint256 minReceived) external nonReentrant {
        _move(from, to, msg.sender, amount, minReceived);
    }

    /// @inheritdoc ICampaignHub
    function moveBySig(
        uint256 from,
        uint256 to,
        address holder,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        bytes32 order = Orders.moveHash(holder, from, to, amount, minReceived, nonce, deadline);
        _useOrder(order, from, holder, nonce, deadline, signature);
        emit OrderExecuted(from, holder, nonce);
        _move(from, to, holder, amount, minReceived);
    }

    function _move(uint256 from, uint256 to, address holder, uint256 amount, uint256 minReceived) private {
        if (from == to) revert SameCampaign();
        _debit(from, holder, _periodOf(_open(from)), amount);
        uint256 bonus = _arrive(to, _running(to), holder, amount, minReceived);
        emit Moved(from, to, holder, amount, bonus);
    }

    // ------------------------------------------------------ release and stay

    /// @inheritdoc ICampaignHub
    function release(uint256 id, address[] calldata holders) external {
        uint256 period = _periodOf(_open(id));
        uint256[] memory amounts = new uint256[](holders.length);
        uint256 count;
        uint256 total;
        for (uint256 i = 0; i < holders.length; ++i) {
            AccountWord word = _accounts[id][holders[i]].mature(period);
            if (word.stay() || word.matured() == 0) continue;
            amounts[i] = word.matured();
            _accounts[id][holders[i]] = word.withMatured(0);
            total += amounts[i];
            ++count;
            emit Released(id, holders[i], amounts[i]);
        }
        if (count == 0) return;

        bytes32[] memory entries = new bytes32[](count);
        for (uint256 i = holders.length; count > 0;) {
            if (amounts[--i] > 0) entries[--count] = pack(holders[i], amounts[i]);
        }
        ILoyaltyToken(token).transferBatch(entries, total);
    }

    /// @inheritdoc ICampaignHub
    function setStay(uint256 id, bool stay) external {
        _known(id);
        _setStay(id, msg.sender, stay);
    }

    /// @inheritdoc ICampaignHub
    function setStayBySig(
        uint256 id,
        address holder,
        bool stay,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        _known(id);
        _useOrder(Orders.stayHash(holder, id, stay, nonce, deadline), id, holder, nonce, deadline, signature);
        emit OrderExecuted(id, holder, nonce);
        _setStay(id, holder, stay);
    }

    function _setStay(uint256 id, address holder, bool stay) private {
        _accounts[id][holder] = _accounts[id][holder].withStay(stay);
        emit StaySet(id, holder, stay);
    }

    // ------------------------------------------------------ expire and cancel

    /// @inheritdoc ICampaignHub
    function expire(uint256 id, address[] calldata holders) external nonReentrant {
        CampaignState storage state = _known(id);
        if (!state.closed) revert OpenLoop(id);
        if (block.timestamp < state.expiry + GRACE) revert NotYet(state.expiry + GRACE);

        uint256 total;
        for (uint256 i = 0; i < holders.length; ++i) {
            AccountWord word = _accounts[id][holders[i]];
            uint256 points = word.matured() + word.pending();
            if (points == 0) continue;
            _accounts[id][holders[i]] = word.withPoints(0, 0, 0);
            total += points;
            emit Expired(id, holders[i], points);
        }
        if (total == 0) return;
        _cashOutToHub(total);
        state.budget = (total + state.budget).toUint96();
    }

    /// @inheritdoc ICampaignHub
    function cancel(uint256 id) external {
        _known(id);
        AccountWord word = _accounts[id][msg.sender].withNonceRaised(Orders.CANCEL_STEP);
        _accounts[id][msg.sender] = word;
        emit OrdersCancelled(id, msg.sender, word.nonce());
    }

    // ------------------------------------------------------------- internal

    function _open(uint256 id) private view returns (CampaignState storage state) {
        state = _known(id);
        if (state.closed) revert ClosedLoop(id);
    }

    function _running(uint256 id) private returns (CampaignState storage state) {
        state = _settled(id);
        if (block.timestamp >= state.end) revert CampaignEnded(state.end);
    }

    /// @dev Credits points that the hub has already got, with the bonus that the pot allows.
    /// @param amount below 2^96
    function _arrive(uint256 id, CampaignState storage state, address holder, uint256 amount, uint256 minReceived)
        private
        returns (uint256 bonus)
    {
        if (amount == 0) revert ZeroAmount();
        if (state.closed) bonus = Math.min(amount * state.bonus / BASIS_POINTS, state.pot);
        uint256 received = amount + bonus;
        if (received < minReceived) revert BelowMinimum(received, minReceived);
        if (bonus > 0) {
            state.pot -= uint96(bonus);
            ILoyaltyToken(token).mint(address(this), bonus);
        }

        AccountWord word = _accounts[id][holder].mature(_periodOf(state)).credit(received);
        // Who brings points here wants them here; only awards wait to be sent home.
        if (!state.closed && !word.stay()) {
            word = word.withStay(true);
            emit StaySet(id, holder, true);
        }
        _accounts[id][holder] = word;
    }
}
