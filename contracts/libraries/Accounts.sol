// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice One holder's account in one campaign, in one word (lowest bits first): matured 88, old 48, young 48,
/// period 32, nonce 32, stay 1.
type AccountWord is uint256;

using Accounts for AccountWord global;

/// @title The word of an account and the maturing rule
/// @notice Time is cut into periods of the campaign's hold. An award of period n is matured from the start of period
/// n + 2: after the hold at least, after twice the hold at most. A hold of zero matures at once.
/// @dev A word rather than a struct because Solidity reads and writes a packed struct field by field: 1,900 gas more an
/// award. Every function returns the changed word; what does not fit its bits reverts.
library Accounts {
    using SafeCast for uint256;

    uint256 private constant OLD = 88;
    uint256 private constant YOUNG = 136;
    uint256 private constant PERIOD = 184;
    uint256 private constant NONCE = 216;
    uint256 private constant STAY = 248;

    uint256 private constant POINTS = (1 << PERIOD) - 1;

    /// @dev Half of what fits: whatever matures on top of it later, no account is ever locked by an overflow.
    uint256 private constant MAX_CREDITED = (1 << 87) - 1;

    // --------------------------------------------------------------- fields

    /// @notice Points free to spend, leave or move.
    function matured(AccountWord self) internal pure returns (uint256) {
        return uint88(AccountWord.unwrap(self));
    }

    /// @notice Points awarded in the period before `period`.
    function old(AccountWord self) internal pure returns (uint256) {
        return uint48(AccountWord.unwrap(self) >> OLD);
    }

    /// @notice Points awarded in `period`.
    function young(AccountWord self) internal pure returns (uint256) {
        return uint48(AccountWord.unwrap(self) >> YOUNG);
    }

    /// @notice Number of the hold period for which `old` and `young` are right.
    function period(AccountWord self) internal pure returns (uint256) {
        return uint32(AccountWord.unwrap(self) >> PERIOD);
    }

    /// @notice Nonce of the account's signed orders.
    function nonce(AccountWord self) internal pure returns (uint256) {
        return uint32(AccountWord.unwrap(self) >> NONCE);
    }

    /// @notice True: nobody else may release matured points.
    function stay(AccountWord self) internal pure returns (bool) {
        return (AccountWord.unwrap(self) >> STAY) & 1 == 1;
    }

    function pending(AccountWord self) internal pure returns (uint256) {
        return self.old() + self.young();
    }

    // ------------------------------------------------------------- maturing

    /// @return number of the hold period that `time` is in; always 0 without a hold
    function periodAt(uint256 hold, uint256 time) internal pure returns (uint256) {
        return hold == 0 ? 0 : uint256((time / hold).toUint32());
    }

    /// @notice Moves what has matured by period `current`, never an earlier one than the account's; to be called before
    /// anything else is read or changed.
    function mature(AccountWord self, uint256 current) internal pure returns (AccountWord) {
        uint256 last = self.period();
        if (last == current) return self;

        unchecked {
            // Sums of fields, each below 2^88.
            bool next = last + 1 == current;
            uint256 due = next ? self.old() : self.pending();
            uint256 left = next ? self.young() : 0;
            uint256 points = (self.matured() + due).toUint88() | (left << OLD);
            return AccountWord.wrap(_without(self, 0, NONCE) | points | (current << PERIOD));
        }
    }

    /// @return start of the period in which the older of what is held matures; 0 when nothing is held
    function nextMaturity(AccountWord self, uint256 hold) internal pure returns (uint256) {
        if (self.old() > 0) return (self.period() + 1) * hold;
        if (self.young() > 0) return (self.period() + 2) * hold;
        return 0;
    }

    // -------------------------------------------------------------- changes

    /// @notice Adds points that are free at once, up to 2^87 - 1 in all.
    function credit(AccountWord self, uint256 points) internal pure returns (AccountWord) {
        uint256 sum = self.matured() + points;
        if (sum > MAX_CREDITED) revert SafeCast.SafeCastOverflowedUintDowncast(87, sum);
        return AccountWord.wrap(_without(self, 0, OLD) | sum);
    }

    /// @notice Adds points awarded without a hold.
    /// @dev Not `credit`: whoever brought in all that is allowed must not make the batches that name it fail.
    function awardMatured(AccountWord self, uint256 points) internal pure returns (AccountWord) {
        return self.withMatured(self.matured() + points);
    }

    /// @notice Adds points that are held first. At most 2^48 - 1 a period and holder.
    function awardHeld(AccountWord self, uint256 points) internal pure returns (AccountWord) {
        uint256 young_ = self.young() + points;
        return AccountWord.wrap(_without(self, YOUNG, 48) | (uint256(young_.toUint48()) << YOUNG));
    }

    /// @notice Takes held points, the youngest first.
    /// @return changed the account without them
    /// @return taken at most `points` and at most what is held
    function clawback(AccountWord self, uint256 points) internal pure returns (AccountWord changed, uint256 taken) {
        uint256 fromYoung = points < self.young() ? points : self.young();
        uint256 rest = points - fromYoung;
        uint256 fromOld = rest < self.old() ? rest : self.old();
        changed = self.withPoints(self.matured(), self.old() - fromOld, self.young() - fromYoung);
        taken = fromYoung + fromOld;
    }

    function withMatured(AccountWord self, uint256 points) internal pure returns (AccountWord) {
        return AccountWord.wrap(_without(self, 0, OLD) | points.toUint88());
    }

    function withPoints(AccountWord self, uint256 matured_, uint256 old_, uint256 young_)
        internal
        pure
        returns (AccountWord)
    {
        uint256 points =
            matured_.toUint88() | (uint256(old_.toUint48()) << OLD) | (uint256(young_.toUint48()) << YOUNG);
        return AccountWord.wrap((AccountWord.unwrap(self) & ~POINTS) | points);
    }

    /// @param steps 1 for an order, Orders.CANCEL_STEP to void whatever is signed
    function withNonceRaised(AccountWord self, uint256 steps) internal pure returns (AccountWord) {
        return AccountWord.wrap(_without(self, NONCE, 32) | (uint256((self.nonce() + steps).toUint32()) << NONCE));
    }

    function withStay(AccountWord self, bool on) internal pure returns (AccountWord) {
        return AccountWord.wrap(_without(self, STAY, 1) | (uint256(on ? 1 : 0) << STAY));
    }

    function _without(AccountWord self, uint256 offset, uint256 bits) private pure returns (uint256) {
        return AccountWord.unwrap(self) & ~(((1 << bits) - 1) << offset);
    }
}
