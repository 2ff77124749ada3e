// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title Points that belong to whoever earned them
/// @notice An ERC-20 (with ERC-2612) of 2 decimals, fully reserved: every hundredth of a point is backed by `par` whole
/// units of `asset`, paid when it is minted and paid out when it is cashed out. No role, no owner, no fee, no pause.
/// @dev One promise, enforced here alone: `asset.balanceOf(this) >= par * totalSupply`.
/// @dev Units: points are hundredths of a point everywhere; times are Unix seconds.
/// @dev Warning: the asset must not rebase. An asset that takes a fee on transfer is refused by the first mint.
interface ILoyaltyToken is IERC20Metadata, IERC20Permit {
    /// @notice One holder's signed payment to the calling contract.
    /// @param holder who pays and signed
    /// @param amount hundredths of a point, above zero
    /// @param nonce the holder's nonce when the order lands
    /// @param deadline last second at which it may land
    /// @param r first half of the signature
    /// @param vs second half of the signature with the parity in its top bit (ERC-2098)
    struct Payment {
        address holder;
        uint256 amount;
        uint256 nonce;
        uint256 deadline;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice A signed order of `holder` landed on its own (batches tell of themselves through their payee's events).
    event OrderExecuted(address indexed holder, uint256 nonce);

    /// @notice `holder` voided everything it signed with a nonce below `nonce`.
    event OrdersCancelled(address indexed holder, uint256 nonce);

    /// @notice Points left the supply and `to` received `points * par` of the asset.
    event CashedOut(address indexed holder, address indexed to, uint256 points);

    error ZeroAmount();
    error ZeroPar();
    /// @notice The token itself, or the zero address, was named where a holder or a payee belongs.
    error RecipientRefused(address recipient);
    /// @notice The asset delivered something else than what was due.
    error AssetNotReceived(uint256 due, uint256 received);
    /// @notice The supply may not pass 2^96 - 1.
    error SupplyOverflow(uint256 supply);
    error OrderExpired(uint256 deadline);
    error BadSignature(address holder);
    /// @notice At most 256 payments fit one batch.
    error BatchTooLong(uint256 length);
    /// @notice The entries of a batch add up to something else than its caller said.
    error TotalMismatch(uint256 given, uint256 sum);
    error LengthMismatch(uint256 payments, uint256 witnesses);

    /// @notice The settlement asset.
    function asset() external view returns (address);

    /// @notice Asset units behind one hundredth of a point, fixed for ever, at least 1.
    function par() external view returns (uint256);

    /// @notice Mints `points` to `to`, paid by the caller with `points * par` of the asset.
    /// @dev Reverts unless exactly that much arrives. Refuses a zero amount, the zero address and the token itself.
    function mint(address to, uint256 points) external;

    /// @notice Mints to many: each entry is 20 bytes of address followed by 12 bytes of amount.
    /// @dev All or nothing. Refuses zero amounts, the zero address, the token itself and an empty list.
    /// @param total what the entries add up to exactly; it is paid for before anybody is credited
    function mintBatch(bytes32[] calldata entries, uint256 total) external;

    /// @notice Sends from the caller to many with one debit; entries and total as in `mintBatch`.
    function transferBatch(bytes32[] calldata entries, uint256 total) external;

    /// @notice Burns `points` of the caller and pays `to` at par.
    /// @dev Refuses a zero amount, and the zero address and the token itself as `to`.
    function cashOut(uint256 points, address to) external;

    /// @notice A transfer that `holder` signed and anyone may relay.
    /// @dev EIP-712: `Transfer(address holder,address to,uint256 amount,uint256 nonce,uint256 deadline)`.
    /// ECDSA or ERC-1271. A wrong nonce is OpenZeppelin's `InvalidAccountNonce(holder, current)`.
    function transferBySig(
        address holder,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice A cash-out that `holder` signed and anyone may relay.
    /// @dev EIP-712: `CashOut(address holder,address to,uint256 amount,uint256 nonce,uint256 deadline)`.
    function cashOutBySig(
        address holder,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Takes one signed payment to the caller, with the caller's own struct as witness. ECDSA or ERC-1271.
    /// @dev EIP-712: `Payment(address holder,address payee,uint256 amount,uint256 nonce,uint256 deadline,` followed by
    /// `witnessType`, e.g. `Enter witness)Enter(uint256 campaign,uint256 minReceived)`; `payee` is the caller.
    /// @param witness EIP-712 struct hash of the witness
    function receiveOne(
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes32 witness,
        string calldata witnessType,
        bytes calldata signature
    ) external;

    /// @notice Takes many signed payments (ECDSA only) to the caller. A bad one is skipped and changes nothing.
    /// @dev Bad is: expired, another nonce, a zero amount, more than the balance, a signature of somebody else, or a
    /// holder that is the payee. Typed data as in `receiveOne`. Two orders of one holder follow each other in a batch
    /// when their nonces do.
    /// @return paid bit i is set when payment i was taken
    /// @return total points taken
    function receiveBatch(Payment[] calldata payments, bytes32[] calldata witnesses, string calldata witnessType)
        external
        returns (uint256 paid, uint256 total);

    /// @notice Voids everything the caller has signed, permits included, also orders signed ahead with later nonces.
    /// @dev The nonce rises by 65,536, farther than any queue of orders reaches; 65,535 times at most.
    function cancel() external;
}
