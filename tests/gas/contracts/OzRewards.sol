// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
// Compiled with it, and deployed beside it.
import {ERC2771Forwarder} from "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Context} from "@openzeppelin/contracts/utils/Context.sol";

/// @title OpenZeppelin's token whose holders redeem without gas through OpenZeppelin's forwarder
contract OzRewards is ERC20, ERC2771Context {
    struct Record {
        address holder;
        uint96 amount;
    }

    event Redeemed(
        address indexed holder,
        address indexed merchant,
        uint256 amount,
        bytes32 offer,
        bytes32 sealKey,
        bytes32 commitment
    );

    error CommitmentUsed(bytes32 commitment);

    mapping(bytes32 commitment => Record) public records;

    constructor(address forwarder) ERC20("Points", "PTS") ERC2771Context(forwarder) {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice The least that a redemption can be.
    function burn(uint256 amount) external {
        _burn(_msgSender(), amount);
    }

    /// @notice What `CampaignHub.redeemBatch` does for an order: pays the merchant and tells of it in a log.
    function redeem(address merchant, uint256 amount, bytes32 offer, bytes32 sealKey, bytes32 commitment) public {
        _transfer(_msgSender(), merchant, amount);
        emit Redeemed(_msgSender(), merchant, amount, offer, sealKey, commitment);
    }

    /// @notice The same, with a record in storage that other contracts can read.
    function redeemOnRecord(address merchant, uint256 amount, bytes32 offer, bytes32 sealKey, bytes32 commitment)
        external
    {
        if (records[commitment].amount != 0) revert CommitmentUsed(commitment);
        records[commitment] = Record(_msgSender(), uint96(amount));
        redeem(merchant, amount, offer, sealKey, commitment);
    }

    function _msgSender() internal view override(Context, ERC2771Context) returns (address) {
        return ERC2771Context._msgSender();
    }

    function _msgData() internal view override(Context, ERC2771Context) returns (bytes calldata) {
        return ERC2771Context._msgData();
    }

    function _contextSuffixLength() internal view override(Context, ERC2771Context) returns (uint256) {
        return ERC2771Context._contextSuffixLength();
    }
}
