// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {ICampaignHub} from "./interfaces/ICampaignHub.sol";
import {ILoyaltyBadges} from "./interfaces/ILoyaltyBadges.sol";

/// @title Badges that cannot be given away, and that nobody has against its will
/// @dev Promises and units: see ILoyaltyBadges. It only reads the hub.
contract LoyaltyBadges is ILoyaltyBadges, EIP712, IERC721Errors {
    enum State {
        None,
        Held,
        Renounced
    }

    uint256 private constant MAX_WISHES = 256;
    bytes32 private constant BADGE_TYPEHASH =
        keccak256("Badge(address holder,uint256 campaign,uint256 badge,uint256 deadline)");
    /// @dev ERC-5192.
    bytes4 private constant SOULBOUND_INTERFACE = 0xb45a3c0e;

    /// @inheritdoc ILoyaltyBadges
    address public immutable hub;

    mapping(uint256 tokenId => State) private _states;
    mapping(address holder => uint256) private _balances;

    constructor(address hub_) EIP712("LoyaltyBadges", "1") {
        hub = hub_;
    }

    // ------------------------------------------------------------- awarding

    /// @inheritdoc ILoyaltyBadges
    function award(uint256 campaign, uint256 badge, Wish[] calldata wishes) external returns (uint256 landed) {
        if (campaign > type(uint64).max || badge > type(uint32).max) revert OutOfRange(campaign, badge);
        if (wishes.length == 0 || wishes.length > MAX_WISHES) revert BadLength(wishes.length);
        (uint256 dailyCap,) = ICampaignHub(hub).operator(campaign, msg.sender);
        if (dailyCap == 0) revert NotOperator(campaign, msg.sender);
        for (uint256 i = 0; i < wishes.length; ++i) {
            if (_land(campaign, badge, wishes[i])) ++landed;
        }
    }

    /// @inheritdoc ILoyaltyBadges
    function renounce(uint256 tokenId) external {
        if (_states[tokenId] != State.Held) revert ERC721NonexistentToken(tokenId);
        if (_holder(tokenId) != msg.sender) revert NotHolder(tokenId, msg.sender);
        _states[tokenId] = State.Renounced;
        --_balances[msg.sender];
        emit Transfer(msg.sender, address(0), tokenId);
    }

    function _land(uint256 campaign, uint256 badge, Wish calldata wish) private returns (bool) {
        uint256 tokenId = _id(campaign, badge, wish.holder);
        if (_states[tokenId] != State.None || block.timestamp > wish.deadline) return false;
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(BADGE_TYPEHASH, wish.holder, campaign, badge, wish.deadline)));
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, wish.r, wish.vs);
        if (failure != ECDSA.RecoverError.NoError || signer != wish.holder) return false;
        _states[tokenId] = State.Held;
        ++_balances[wish.holder];
        emit Transfer(address(0), wish.holder, tokenId);
        emit Locked(tokenId);
        return true;
    }

    // -------------------------------------------------------------- looking

    /// @inheritdoc ILoyaltyBadges
    function idOf(uint256 campaign, uint256 badge, address holder) external pure returns (uint256 tokenId) {
        if (campaign > type(uint64).max || badge > type(uint32).max) revert OutOfRange(campaign, badge);
        return _id(campaign, badge, holder);
    }

    /// @inheritdoc ILoyaltyBadges
    function partsOf(uint256 tokenId) external pure returns (uint256 campaign, uint256 badge, address holder) {
        return (tokenId >> 192, uint32(tokenId >> 160), _holder(tokenId));
    }

    /// @inheritdoc ILoyaltyBadges
    function stateOf(uint256 tokenId) external view returns (bool held, bool renounced) {
        State state = _states[tokenId];
        return (state == State.Held, state == State.Renounced);
    }

    /// @inheritdoc ILoyaltyBadges
    function locked(uint256 tokenId) external view returns (bool) {
        return ownerOf(tokenId) != address(0);
    }

    /// @inheritdoc IERC721
    function ownerOf(uint256 tokenId) public view returns (address) {
        if (_states[tokenId] != State.Held) revert ERC721NonexistentToken(tokenId);
        return _holder(tokenId);
    }

    /// @inheritdoc IERC721
    function balanceOf(address owner) external view returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(owner);
        return _balances[owner];
    }

    /// @inheritdoc IERC721Metadata
    function name() external pure returns (string memory) {
        return "Loyalty Badges";
    }

    /// @inheritdoc IERC721Metadata
    function symbol() external pure returns (string memory) {
        return "BADGE";
    }

    /// @inheritdoc IERC721Metadata
    /// @dev Made here, so that it needs no server.
    function tokenURI(uint256 tokenId) external view returns (string memory) {
        ownerOf(tokenId);
        string memory campaign = Strings.toString(tokenId >> 192);
        string memory badge = Strings.toString(uint32(tokenId >> 160));
        bytes memory json = abi.encodePacked(
            '{"name":"Badge ',
            badge,
            " of campaign ",
            campaign,
            '","attributes":[{"trait_type":"campaign","value":',
            campaign,
            '},{"trait_type":"badge","value":',
            badge,
            "}]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC165).interfaceId || id == type(IERC721).interfaceId
            || id == type(IERC721Metadata).interfaceId || id == SOULBOUND_INTERFACE;
    }

    // ------------------------------------------- what soulbound things refuse

    /// @inheritdoc IERC721
    function transferFrom(address, address, uint256) external pure {
        revert Soulbound();
    }

    /// @inheritdoc IERC721
    function safeTransferFrom(address, address, uint256) external pure {
        revert Soulbound();
    }

    /// @inheritdoc IERC721
    function safeTransferFrom(address, address, uint256, bytes calldata) external pure {
        revert Soulbound();
    }

    /// @inheritdoc IERC721
    function approve(address, uint256) external pure {
        revert Soulbound();
    }

    /// @inheritdoc IERC721
    function setApprovalForAll(address, bool) external pure {
        revert Soulbound();
    }

    /// @inheritdoc IERC721
    function getApproved(uint256 tokenId) external view returns (address) {
        ownerOf(tokenId);
        return address(0);
    }

    /// @inheritdoc IERC721
    function isApprovedForAll(address, address) external pure returns (bool) {
        return false;
    }

    function _id(uint256 campaign, uint256 badge, address holder) private pure returns (uint256) {
        return campaign << 192 | badge << 160 | uint160(holder);
    }

    function _holder(uint256 tokenId) private pure returns (address) {
        return address(uint160(tokenId));
    }
}
