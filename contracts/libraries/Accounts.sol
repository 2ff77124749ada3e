// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice One holder's account in one campaign, in one storage slot.
/// @param matured points free to spend, leave or move
/// @param old points awarded in the period before `period`
/// @param young points awarded in `period`
/// @param period number of the hold period in which the buckets were last brought up to date
/// @param nonce of the account's signed orders
/// @param stay true: nobody else may release matured points
struct AccountSlot {
    uint88 matured;
    uint48 old;
    uint48 young;
    uint32 period;
    uint32 nonce;
    bool stay;
}

using Accounts for AccountSlot global;

/// @title The maturing rule
/// @notice Time is cut into periods of the campaign's hold. An award of period n is matured from the start of period
/// n + 2: after the hold at least, after twice the hold at most. A hold of zero matures at once.
/// @dev Works on memory; whoever calls stores the result. Sums that do not fit revert.
library Accounts {
    using SafeCast for uint256;

    /// @notice Moves what has matured by `time`; to be called before anything else is read or changed.
    function mature(AccountSlot memory self, uint256 hold, uint256 time) internal pure {
        if (hold == 0) return;
        uint256 current = time / hold;
        uint256 passed = current - self.period;
        if (passed == 0) return;

        if (passed == 1) {
            self.credit(self.old);
            self.old = self.young;
        } else {
            self.credit(pending(self));
            self.old = 0;
        }
        self.young = 0;
        self.period = current.toUint32();
    }

    /// @notice Adds points that are free at once.
    function credit(AccountSlot memory self, uint256 points) internal pure {
        self.matured = (self.matured + points).toUint88();
    }

    /// @notice Adds points that are held first. At most 2^48 - 1 per period and holder.
    function award(AccountSlot memory self, uint256 hold, uint256 points) internal pure {
        if (hold == 0) self.credit(points);
        else self.young = (self.young + points).toUint48();
    }

    /// @notice Takes held points, the youngest first.
    /// @return taken at most `points` and at most what is held
    function clawback(AccountSlot memory self, uint256 points) internal pure returns (uint256 taken) {
        uint256 fromYoung = points < self.young ? points : self.young;
        uint256 rest = points - fromYoung;
        uint256 fromOld = rest < self.old ? rest : self.old;
        self.young -= uint48(fromYoung);
        self.old -= uint48(fromOld);
        return fromYoung + fromOld;
    }

    function pending(AccountSlot memory self) internal pure returns (uint256) {
        return uint256(self.old) + self.young;
    }

    /// @return start of the period in which the older of what is held matures; 0 when nothing is held
    function nextMaturity(AccountSlot memory self, uint256 hold) internal pure returns (uint256) {
        if (self.old > 0) return (uint256(self.period) + 1) * hold;
        if (self.young > 0) return (uint256(self.period) + 2) * hold;
        return 0;
    }
}
