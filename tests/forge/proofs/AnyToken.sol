// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILoyaltyToken} from "../../../contracts/interfaces/ILoyaltyToken.sol";
import {Digests} from "../invariants/Digests.sol";
import {AnyAsset} from "./AnyAsset.sol";
import {both, svm, vm} from "./Symbolic.sol";

/// @title A token of which only this is known: what its own proofs show
/// @dev Wallets and supply change by exactly what a call names (TokenPromises 3 and 4), and a payment by order is taken
/// as it was `asked` for, which the token lets happen by the holder's word only (TokenPromises 1). It refuses less than the
/// token does and answers more, so what the hub keeps with it, it keeps with the token.
contract AnyToken {
    AnyAsset public immutable asset;
    uint256 public immutable par;

    mapping(address => uint256) public balanceOf;
    uint256 public totalSupply;
    /// @dev Hash of the order that a holder was asked for last.
    bytes32 public asked;

    constructor(AnyAsset asset_, uint256 par_) {
        (asset, par) = (asset_, par_);
    }

    // -------------------------------------------------------------- issuing

    function mint(address to, uint256 points) external {
        _mint(points);
        _gain(to, points);
    }

    function mintBatch(bytes32[] calldata entries, uint256 total) external {
        _mint(total);
        _gainAll(entries, total);
    }

    function cashOut(uint256 points, address to) external {
        _lose(msg.sender, points);
        unchecked {
            totalSupply -= points;
            asset.transfer(to, points * par);
        }
    }

    // -------------------------------------------------------------- sending

    function transfer(address to, uint256 value) external returns (bool) {
        _lose(msg.sender, value);
        _gain(to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        _lose(from, value);
        _gain(to, value);
        return true;
    }

    function transferBatch(bytes32[] calldata entries, uint256 total) external {
        _lose(msg.sender, total);
        _gainAll(entries, total);
    }

    // -------------------------------------------------------- signed orders

    function receiveOne(
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes32 witness,
        string calldata witnessType,
        bytes calldata
    ) external {
        vm.assume(holder != msg.sender); // which signs nothing
        asked = Digests.payment(witnessType, witness, holder, msg.sender, amount, nonce, deadline);
        _lose(holder, amount);
        _gain(msg.sender, amount);
    }

    function receiveBatch(
        ILoyaltyToken.Payment[] calldata payments,
        bytes32[] calldata witnesses,
        string calldata witnessType
    ) external returns (uint256 paid, uint256 total) {
        for (uint256 i = 0; i < payments.length; ++i) {
            ILoyaltyToken.Payment calldata p = payments[i];
            if (!svm.createBool("good")) continue;
            vm.assume(both(p.amount != 0, p.holder != msg.sender));
            asked =
                Digests.payment(witnessType, witnesses[i], p.holder, msg.sender, p.amount, p.nonce, p.deadline);
            _lose(p.holder, p.amount);
            paid |= 1 << i;
            unchecked {
                total += p.amount;
            }
        }
        _gain(msg.sender, total);
    }

    // -------------------------------------------------------------- helpers

    function _mint(uint256 points) private {
        unchecked {
            asset.transferFrom(msg.sender, address(this), points * par);
            totalSupply += points;
        }
    }

    function _gainAll(bytes32[] calldata entries, uint256 total) private {
        uint256 sum;
        unchecked {
            for (uint256 i = 0; i < entries.length; ++i) {
                uint256 amount = uint96(uint256(entries[i]));
                _gain(address(bytes20(entries[i])), amount);
                sum += amount;
            }
        }
        vm.assume(sum == total);
    }

    function _gain(address to, uint256 points) private {
        unchecked {
            balanceOf[to] += points;
        }
    }

    function _lose(address from, uint256 points) private {
        vm.assume(balanceOf[from] >= points);
        unchecked {
            balanceOf[from] -= points;
        }
    }
}
