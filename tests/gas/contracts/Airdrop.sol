// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Sends an existing token to many as the well-known airdrop tools do: take the sum, then transfer in a tight loop
contract Airdrop {
    /// @param total what `amounts` add up to; taken from the caller
    function drop(address token, address[] calldata to, uint256[] calldata amounts, uint256 total) external {
        assembly ("memory-safe") {
            mstore(0x00, hex"23b872dd") // transferFrom(address,address,uint256)
            mstore(0x04, caller())
            mstore(0x24, address())
            mstore(0x44, total)
            if iszero(call(gas(), token, 0, 0x00, 0x64, 0x00, 0x20)) { revert(0, 0) }

            mstore(0x00, hex"a9059cbb") // transfer(address,uint256)
            let apart := sub(amounts.offset, to.offset)
            let end := add(to.offset, shl(5, to.length))
            for { let at := to.offset } lt(at, end) { at := add(at, 0x20) } {
                mstore(0x04, calldataload(at))
                mstore(0x24, calldataload(add(at, apart)))
                if iszero(call(gas(), token, 0, 0x00, 0x44, 0x00, 0x00)) { revert(0, 0) }
            }
            mstore(0x40, 0x80) // the free memory pointer and the empty slot, which the calls wrote over
            mstore(0x60, 0)
        }
    }
}
