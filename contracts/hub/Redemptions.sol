// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ICampaignHub} from "../interfaces/ICampaignHub.sol";
import {ILoyaltyToken} from "../interfaces/ILoyaltyToken.sol";
import {AccountWord} from "../libraries/Accounts.sol";
import {Orders} from "../libraries/Orders.sol";
import {HubBase} from "./HubBase.sol";

/// @title No code, no points: the merchant is paid in the transaction that commits to the sealed code
abstract contract Redemptions is HubBase {
    uint256 private constant MAX_BATCH = 256;

    mapping(address merchant => mapping(address delegate => bool)) private _delegates;

    /// @dev The merchant itself, or whom it named.
    modifier onlyFor(address merchant) {
        if (msg.sender != merchant && !_delegates[merchant][msg.sender]) revert NotDelegate(msg.sender);
        _;
    }

    /// @inheritdoc ICampaignHub
    function isDelegate(address merchant, address delegate) external view returns (bool) {
        return _delegates[merchant][delegate];
    }

    /// @inheritdoc ICampaignHub
    function setDelegate(address delegate, bool allowed) external {
        _delegates[msg.sender][delegate] = allowed;
        emit DelegateSet(msg.sender, delegate, allowed);
    }

    // --------------------------------------------------------- wallet points

    /// @inheritdoc ICampaignHub
    function redeemBatch(address merchant, Order[] calldata orders)
        external
        onlyFor(merchant)
        returns (uint256 done)
    {
        uint256 count = orders.length;
        if (count > MAX_BATCH) revert BatchTooLong(count);
        ILoyaltyToken.Payment[] memory payments = new ILoyaltyToken.Payment[](count);
        bytes32[] memory witnesses = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            Order calldata order = orders[i];
            payments[i] = ILoyaltyToken.Payment({
                holder: order.holder,
                // The token skips a payment of nothing.
                amount: order.commitment == 0 ? 0 : order.amount,
                nonce: order.nonce,
                deadline: order.deadline,
                r: order.r,
                vs: order.vs
            });
            witnesses[i] = Orders.redemptionHash(merchant, order.offer, order.sealKey);
        }

        uint256 total;
        (done, total) = ILoyaltyToken(token).receiveBatch(payments, witnesses, Orders.REDEMPTION_WITNESS);
        _pay(merchant, total);
        for (uint256 i = 0; i < count; ++i) {
            if (done & (1 << i) != 0) _emitRedeemed(merchant, orders[i]);
        }
    }

    /// @inheritdoc ICampaignHub
    function redeem(address merchant, Order calldata order, bytes calldata signature) external onlyFor(merchant) {
        if (order.commitment == 0) revert ZeroCommitment();
        ILoyaltyToken(token)
            .receiveOne(
                order.holder,
                order.amount,
                order.nonce,
                order.deadline,
                Orders.redemptionHash(merchant, order.offer, order.sealKey),
                Orders.REDEMPTION_WITNESS,
                signature
            );
        _pay(merchant, order.amount);
        _emitRedeemed(merchant, order);
    }

    function _emitRedeemed(address merchant, Order calldata order) private {
        emit Redeemed(order.holder, merchant, order.amount, order.nonce, order.offer, order.commitment);
    }

    // -------------------------------------------------------- account points

    /// @inheritdoc ICampaignHub
    function spendBatch(uint256 id, address merchant, Order[] calldata orders)
        external
        onlyFor(merchant)
        returns (uint256 done)
    {
        if (orders.length > MAX_BATCH) revert BatchTooLong(orders.length);
        uint256 period = _serving(id, merchant);
        uint256 total;
        for (uint256 i = 0; i < orders.length; ++i) {
            if (!_trySpend(id, period, merchant, orders[i])) continue;
            done |= 1 << i;
            total += orders[i].amount;
            _emitSpent(id, merchant, orders[i]);
        }
        _pay(merchant, total);
    }

    /// @inheritdoc ICampaignHub
    function spend(uint256 id, address merchant, Order calldata order, bytes calldata signature)
        external
        onlyFor(merchant)
    {
        uint256 period = _serving(id, merchant);
        if (order.commitment == 0) revert ZeroCommitment();
        _useOrder(_spendHash(id, merchant, order), id, order.holder, order.nonce, order.deadline, signature);
        _debit(id, order.holder, period, order.amount);
        _pay(merchant, order.amount);
        _emitSpent(id, merchant, order);
    }

    /// @dev False, and nothing changed, when anything is wrong with the order.
    function _trySpend(uint256 id, uint256 period, address merchant, Order calldata order) private returns (bool) {
        address holder = order.holder;
        uint256 amount = order.amount;
        AccountWord word = _accounts[id][holder].mature(period);

        if (order.commitment == 0 || block.timestamp > order.deadline) return false;
        if (amount == 0 || amount > word.matured()) return false;
        // The last nonce is never used up in a batch: counting on would overflow and fail the good orders too.
        if (order.nonce != word.nonce() || order.nonce == type(uint32).max) return false;

        bytes32 digest = _hashTypedDataV4(_spendHash(id, merchant, order));
        (address signer, ECDSA.RecoverError err,) = ECDSA.tryRecover(digest, order.r, order.vs);
        if (err != ECDSA.RecoverError.NoError || signer != holder) return false;

        _accounts[id][holder] = word.withMatured(word.matured() - amount).withNonceRaised(1);
        return true;
    }

    /// @dev Checks that `merchant` may be paid from this campaign now; returns the running hold period.
    function _serving(uint256 id, address merchant) private returns (uint256) {
        CampaignState storage state = _settled(id);
        if (_merchants[id][merchant] != MerchantStatus.Accepted) revert NotMerchant(merchant);
        if (state.closed && block.timestamp >= state.expiry + GRACE) revert CampaignEnded(state.expiry + GRACE);
        return _periodOf(state);
    }

    function _spendHash(uint256 id, address merchant, Order calldata order) private pure returns (bytes32) {
        return Orders.spendHash(
            order.holder, id, merchant, order.amount, order.offer, order.sealKey, order.nonce, order.deadline
        );
    }

    function _emitSpent(uint256 id, address merchant, Order calldata order) private {
        emit Spent(id, order.holder, merchant, order.amount, order.nonce, order.offer, order.commitment);
    }

    function _pay(address merchant, uint256 total) private {
        // The token reverts or returns true.
        // slither-disable-next-line unchecked-transfer
        if (total > 0) IERC20(token).transfer(merchant, total);
    }
}
