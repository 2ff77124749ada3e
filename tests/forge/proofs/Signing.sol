// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Digests} from "../invariants/Digests.sol";
import {AnyWallet} from "./AnyAsset.sol";
import {Proof, both, either, svm} from "./Symbolic.sol";

/// @title Whose word a signature is
/// @dev Which key recovers from which signature is anything, but always the same (the prover's `ecrecover`): a digest that
/// differs in one bit says nothing of another. A contract wallet has signed one order, any.
abstract contract Signing is Proof {
    AnyWallet internal contractWallet;

    function _setUpSigning() internal {
        contractWallet = new AnyWallet();
        svm.enableSymbolicStorage(address(contractWallet));
    }

    function signed(bytes32 domain, address holder, bytes32 order, bytes calldata signature)
        internal
        view
        returns (bool)
    {
        bytes32 digest = Digests.digest(domain, order);
        bool byContract = both(holder == address(contractWallet), contractWallet.signed() == digest);
        if (signature.length != 65) return byContract;
        address signer =
            ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        return either(byContract, signer == holder);
    }

    function signed(bytes32 domain, address holder, bytes32 order, bytes32 r, bytes32 vs)
        internal
        pure
        returns (bool)
    {
        uint8 v;
        unchecked {
            v = uint8(27 + (uint256(vs) >> 255));
        }
        bytes32 s = vs & bytes32(type(uint256).max >> 1);
        return ecrecover(Digests.digest(domain, order), v, r, s) == holder;
    }
}
