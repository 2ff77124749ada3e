// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @dev Many draws out of the one number that the fuzzer gives to a handler.
struct Dice {
    uint256 seed;
}

using {below, oneIn, some} for Dice global;

function below(Dice memory self, uint256 limit) pure returns (uint256) {
    self.seed = uint256(keccak256(abi.encode(self.seed)));
    return self.seed % limit;
}

function oneIn(Dice memory self, uint256 odds) pure returns (bool) {
    return self.below(odds) == 0;
}

/// @return an amount: mostly one that is there to be had, now and then nothing, everything or more than everything
function some(Dice memory self, uint256 available) pure returns (uint256) {
    uint256 face = self.below(16);
    if (face == 0) return 0;
    if (face == 1) return available + 1 + self.below(100);
    if (face < 4) return available;
    return 1 + self.below(available == 0 ? 50 : available);
}
