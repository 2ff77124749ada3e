// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {both, when} from "./Symbolic.sol";

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
}
