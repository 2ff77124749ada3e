// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {both, either, when} from "./Symbolic.sol";

/// @title The hub's storage, read as it lies there, without a jump
library HubState {
    uint256 internal constant GRACE = 7 days;

    function at(uint256 mapping_, uint256 key) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(key, mapping_)));
    }

    function at(uint256 mapping_, address key) internal pure returns (uint256) {
        return at(mapping_, uint160(key));
    }

    // -------------------------------------------------------- where it lies

    uint256 internal constant COUNT = 2;
    uint256 internal constant CAMPAIGNS = 3;
    uint256 internal constant MERCHANTS = 4;
    uint256 internal constant ACCOUNTS = 5;
    uint256 internal constant OPERATORS = 6;
    uint256 internal constant LANDED = 7;
    uint256 internal constant DELEGATES = 8;

    // ---------------------------------------- campaign, first word and fourth

    function owner(uint256 first) internal pure returns (address) {
        return address(uint160(first));
    }

    /// @return hold and loop, which never change, as they lie
    function fixedTerms(uint256 first) internal pure returns (uint256) {
        return (first >> 200) & type(uint40).max;
    }

    /// @dev With a change that is due.
    function end(uint256 first, uint256 change) internal view returns (uint256) {
        bool changed = both(kind(change) == 1, isDue(change));
        return when(changed, uint40(value(change))) | when(!changed, uint40(first >> 160));
    }

    /// @dev With a change that is due.
    function bonus(uint256 first, uint256 change) internal view returns (uint256) {
        bool changed = both(kind(change) == 2, isDue(change));
        return when(changed, uint16(value(change))) | when(!changed, uint16(first >> 240));
    }

    function kind(uint256 change) internal pure returns (uint256) {
        return uint8(change);
    }

    function effectiveAt(uint256 change) internal pure returns (uint256) {
        return uint40(change >> 8);
    }

    function value(uint256 change) internal pure returns (uint256) {
        return uint160(change >> 48);
    }

    function isDue(uint256 change) internal view returns (bool) {
        return both(kind(change) != 0, block.timestamp >= effectiveAt(change));
    }

    /// @return whether a change that is due puts this merchant off
    function putsOff(uint256 change, address merchant) internal view returns (bool) {
        return both(both(kind(change) == 3, isDue(change)), value(change) == uint160(merchant));
    }

    function hold(uint256 first) internal pure returns (uint256) {
        return uint32(first >> 200);
    }

    function isClosed(uint256 first) internal pure returns (bool) {
        return uint8(first >> 232) != 0;
    }

    // ------------------------------------------------- campaign, second word

    function budget(uint256 second) internal pure returns (uint256) {
        return uint96(second);
    }

    function pot(uint256 second) internal pure returns (uint256) {
        return uint96(second >> 96);
    }

    function expiry(uint256 second) internal pure returns (uint256) {
        return uint40(second >> 192);
    }

    // -------------------------------------------------------------- accounts

    /// @return all points of an account, matured and pending
    function points(uint256 account) internal pure returns (uint256) {
        unchecked {
            return uint88(account) + (_old(account) + _young(account));
        }
    }

    /// @dev Points are matured once the period after their own has passed.
    function matured(uint256 account, uint256 hold_) internal view returns (uint256) {
        (bool next, bool later) = _since(account, hold_);
        unchecked {
            return uint88(account) + (when(next, _old(account)) | when(later, _old(account) + _young(account)));
        }
    }

    function pending(uint256 account, uint256 hold_) internal view returns (uint256) {
        (bool next, bool later) = _since(account, hold_);
        unchecked {
            return when(next, _young(account)) | when(!either(next, later), _old(account) + _young(account));
        }
    }

    /// @return next whether it is the period after that in which the account was last touched
    /// @return later whether it is another one than these two
    function _since(uint256 account, uint256 hold_) private view returns (bool next, bool later) {
        uint256 periods;
        assembly ("memory-safe") {
            periods := div(timestamp(), hold_)
        }
        uint256 period = when(hold_ != 0, periods);
        uint256 last = uint32(account >> 184);
        unchecked {
            next = last + 1 == period;
        }
        later = both(last != period, !next);
    }

    function _old(uint256 account) private pure returns (uint256) {
        return uint48(account >> 88);
    }

    function _young(uint256 account) private pure returns (uint256) {
        return uint48(account >> 136);
    }

    function nonce(uint256 account) internal pure returns (uint256) {
        return uint32(account >> 216);
    }

    /// @return whether nobody else may release
    function stays(uint256 account) internal pure returns (bool) {
        return (account >> 248) & 1 == 1;
    }

    // ------------------------------------------------------------- operators

    function cap(uint256 operator) internal pure returns (uint256) {
        return uint96(operator);
    }

    function usedToday(uint256 operator) internal view returns (uint256) {
        return when(uint32(operator >> 192) == block.timestamp / 1 days, uint96(operator >> 96));
    }
}
