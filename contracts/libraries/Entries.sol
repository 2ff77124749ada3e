// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice One line of a batch in one word: 20 bytes of address, then 12 bytes of amount.
type Entry is bytes32;

using {recipient, amount} for Entry global;

function recipient(Entry entry) pure returns (address) {
    return address(bytes20(Entry.unwrap(entry)));
}

/// @return hundredths of a point, below 2^96
function amount(Entry entry) pure returns (uint256) {
    return uint96(uint256(Entry.unwrap(entry)));
}

/// @param points below 2^96
function pack(address to, uint256 points) pure returns (bytes32) {
    return bytes32(bytes20(to)) | bytes32(points);
}
