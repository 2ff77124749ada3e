// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";

/// @title Badges that cannot be given away, and that nobody has against its will
/// @notice ERC-721 and ERC-5192. A badge says that its holder reached something in a campaign; what badge number 3 of a
/// campaign stands for is in the campaign's published rules. A badge needs two words: of an operator of the campaign, as
/// the hub knows it, and of the holder, by its signature. The holder may renounce it at any time; then it never comes
/// back. No owner, no admin, nothing else can change or take it, and nothing depends on a server.
/// @dev The number of a badge tells all of it: campaign (64 bits), badge of the campaign (32 bits), holder (160 bits). So
/// each lands at most once, whoever sends it and however often.
/// @dev Warning: a badge is public for ever and ties what its holder did to its wallet. That is why it asks first.
interface ILoyaltyBadges is IERC721Metadata {
    /// @notice One holder's signed wish for a badge.
    /// @param holder who signed and gets it
    /// @param deadline last second at which it may land
    /// @param r first half of the signature
    /// @param vs second half of the signature with the parity in its top bit (ERC-2098)
    struct Wish {
        address holder;
        uint256 deadline;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice A badge cannot be transferred (ERC-5192); told once, when it lands.
    event Locked(uint256 tokenId);

    /// @notice The caller is no operator of the campaign.
    error NotOperator(uint256 campaign, address caller);
    /// @notice A list is empty or holds more than 256.
    error BadLength(uint256 length);
    /// @notice Campaign or badge do not fit a badge's number.
    error OutOfRange(uint256 campaign, uint256 badge);
    /// @notice Badges cannot be transferred, and nobody can be allowed to.
    error Soulbound();
    /// @notice Only its holder may renounce a badge.
    error NotHolder(uint256 tokenId, address caller);

    /// @notice The hub whose operators may award.
    function hub() external view returns (address);

    /// @notice Awards one badge of a campaign to everybody whose wish is good.
    /// @dev Only by an operator of the campaign (its daily cap on the hub is above zero). A wish that is late, is signed by
    /// somebody else or is for a badge that its holder has or had is skipped and changes nothing.
    /// EIP-712: `Badge(address holder,uint256 campaign,uint256 badge,uint256 deadline)`; ECDSA only.
    /// @param badge the campaign's own number for it, below 2^32
    /// @return landed how many were new
    function award(uint256 campaign, uint256 badge, Wish[] calldata wishes) external returns (uint256 landed);

    /// @notice Gives up the caller's own badge, for ever.
    function renounce(uint256 tokenId) external;

    /// @notice The number of a holder's badge, whether it has it or not.
    function idOf(uint256 campaign, uint256 badge, address holder) external pure returns (uint256 tokenId);

    /// @notice What a number stands for.
    function partsOf(uint256 tokenId) external pure returns (uint256 campaign, uint256 badge, address holder);

    /// @notice Whether its holder has it now, and whether it had and renounced it.
    function stateOf(uint256 tokenId) external view returns (bool held, bool renounced);

    /// @notice Always true for a badge that is held (ERC-5192). Reverts for any other number.
    function locked(uint256 tokenId) external view returns (bool);
}
