// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICampaignHub} from "../../../contracts/interfaces/ICampaignHub.sol";
import {Digests} from "../invariants/Digests.sol";
import {HubMoney} from "./HubMoney.sol";
import {both, vm} from "./Symbolic.sol";

/// @title What merchants and their delegates may do with what holders signed
contract HubRedemptionProofs is HubMoney {
    string private constant WITNESS = "Redemption witness)Redemption(address merchant,bytes32 offer,bytes32 sealKey)";

    // --------------------------------------------------------- wallet points

    function check_redeem(address payee, ICampaignHub.Order calldata order, bytes calldata signature) external {
        bool may = _executes(payee);
        acts(Act.Trade, campaign);
        hub.redeem(payee, order, signature);
        _redeemed(may, payee, order);
        kept();
    }

    function check_redeemBatch(address payee, ICampaignHub.Order[] calldata orders) external {
        bool may = _executes(payee);
        acts(Act.Trade, campaign);
        uint256 done = hub.redeemBatch(payee, orders);
        for (uint256 i = 0; i < orders.length; ++i) {
            if (done & (1 << i) != 0) _redeemed(may, payee, orders[i]);
        }
        kept();
    }

    // -------------------------------------------------------- account points

    function check_spend(uint256 id, address payee, ICampaignHub.Order calldata order, bytes calldata signature)
        external
    {
        noneIsAnnounced(id);
        bool may = both(_executes(payee), serves(id, payee));
        names(id, order.holder);
        acts(Act.Trade, id);
        hub.spend(id, payee, order, signature);
        _spent(both(may, signed(domain, order.holder, _spending(id, payee, order), signature)), payee, order);
        kept();
    }

    function check_spendBatch(uint256 id, address payee, ICampaignHub.Order[] calldata orders) external {
        noneIsAnnounced(id);
        bool may = both(_executes(payee), serves(id, payee));
        for (uint256 i = 0; i < orders.length; ++i) {
            names(id, orders[i].holder);
        }
        acts(Act.Trade, id);
        uint256 done = hub.spendBatch(id, payee, orders);
        for (uint256 i = 0; i < orders.length; ++i) {
            if (done & (1 << i) == 0) continue;
            bytes32 order = _spending(id, payee, orders[i]);
            bool word = signed(domain, orders[i].holder, order, orders[i].r, orders[i].vs);
            _spent(both(may, word), payee, orders[i]);
        }
        kept();
    }

    // --------------------------------------------------------------- helpers

    /// @dev The hub is no merchant: it neither calls itself nor names a delegate.
    function _executes(address payee) private view returns (bool) {
        vm.assume(payee != address(hub));
        return mayExecute(payee);
    }

    function _redeemed(bool may, address payee, ICampaignHub.Order calldata order) private {
        bytes32 witness = Digests.redemption(payee, order.offer, order.sealKey);
        bytes32 payment = Digests.payment(
            WITNESS, witness, order.holder, address(hub), order.amount, order.nonce, order.deadline
        );
        bool word = both(token.asked() == payment, order.commitment != 0);
        walletLoses(both(may, word), order.holder, order.amount);
        walletGains(payee, order.amount);
    }

    function _spent(bool word, address payee, ICampaignHub.Order calldata order) private {
        word = ordered(word, order.nonce, order.deadline);
        agrees(both(word, order.commitment != 0), order.amount);
        walletGains(payee, order.amount);
    }

    function _spending(uint256 id, address payee, ICampaignHub.Order calldata order) private pure returns (bytes32) {
        bytes32[2] memory what = [order.offer, order.sealKey];
        return Digests.spending(order.holder, id, payee, order.amount, what, order.nonce, order.deadline);
    }
}
