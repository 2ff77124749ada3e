// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Campaigns of several merchants, awards, accounts and redemptions over one LoyaltyToken
/// @notice The hub has no power over the token and none over a wallet: it moves only what a holder signed or sent.
/// @dev Units: hundredths of a point; Unix seconds; shares in basis points. GRACE is 7 days.
interface ICampaignHub {
    /// @notice What a campaign is now, with any change that is due already applied.
    /// @param owner may fund, name operators and merchants, and schedule changes
    /// @param end awards are earned until here and may land until end + GRACE
    /// @param hold seconds; an award matures at the end of the period of this length after its own. 0: at once
    /// @param closed true: points leave an account only to an accepted merchant
    /// @param expiry closed loop only: the last second at which points are meant to be spent, else 0
    /// @param bonus closed loop only: basis points credited on top of what enters, as far as the pot goes
    /// @param budget points that may still be awarded
    /// @param pot points left for bonuses
    /// @param terms hash of the published terms, fixed
    struct Campaign {
        address owner;
        uint40 end;
        uint32 hold;
        bool closed;
        uint40 expiry;
        uint16 bonus;
        uint96 budget;
        uint96 pot;
        bytes32 terms;
    }

    /// @notice What may change, GRACE after it was announced; one at a time.
    enum ChangeKind {
        None,
        End,
        Bonus,
        MerchantOff
    }

    /// @param kind which term
    /// @param effectiveAt it takes effect by itself from here
    /// @param value the new end, the new bonus, or the merchant's address as a number
    struct Change {
        ChangeKind kind;
        uint40 effectiveAt;
        uint160 value;
    }

    /// @notice One holder's account in one campaign, as of now.
    /// @param matured points free to spend, leave or move
    /// @param pending points still under hold
    /// @param nextMaturity when the older part of `pending` matures, 0 when nothing is pending
    /// @param nonce the account's order nonce
    /// @param stay true: nobody else may release matured points to the wallet
    struct Account {
        uint256 matured;
        uint256 pending;
        uint256 nextMaturity;
        uint256 nonce;
        bool stay;
    }

    /// @notice One holder's signed order for one code.
    /// @param holder who pays and signed
    /// @param amount the offer's price in hundredths of a point
    /// @param offer hash of the signed offer document
    /// @param sealKey X25519 public key, fresh, to which the code is sealed
    /// @param nonce the token's nonce of the holder (wallet) or the account's (account)
    /// @param deadline last second at which it may land
    /// @param commitment keccak256(salt ‖ code) of the code already sealed; chosen by the executor, not signed
    /// @param r first half of the signature
    /// @param vs second half with the parity in its top bit (ERC-2098)
    struct Order {
        address holder;
        uint256 amount;
        bytes32 offer;
        bytes32 sealKey;
        uint256 nonce;
        uint256 deadline;
        bytes32 commitment;
        bytes32 r;
        bytes32 vs;
    }

    event CampaignCreated(
        uint256 indexed campaign,
        address indexed owner,
        uint40 end,
        uint32 hold,
        bool closed,
        uint40 expiry,
        uint16 bonus,
        bytes32 terms
    );
    event ChangeScheduled(uint256 indexed campaign, ChangeKind kind, uint160 value, uint40 effectiveAt);
    event ChangeWithdrawn(uint256 indexed campaign);
    event OwnershipOffered(uint256 indexed campaign, address indexed candidate);
    event OwnershipTransferred(uint256 indexed campaign, address indexed from, address indexed to);
    event OperatorSet(uint256 indexed campaign, address indexed operator, uint96 dailyCap);
    event MerchantInvited(uint256 indexed campaign, address indexed merchant);
    event MerchantAccepted(uint256 indexed campaign, address indexed merchant);
    event DelegateSet(address indexed merchant, address indexed delegate, bool allowed);
    /// @param fee units of the asset, on top of the price of budget and pot
    event Funded(uint256 indexed campaign, address indexed funder, uint256 budget, uint256 pot, uint256 fee);
    event Swept(uint256 indexed campaign, address indexed to, uint256 points);

    /// @notice Award batch `number` landed. Without hold in an open campaign the points are `Transfer`s of the token.
    event AwardLanded(uint256 indexed campaign, uint256 indexed number, uint256 total);
    /// @notice Clawback batch `number` landed; `total` is what was really taken.
    event ClawbackLanded(uint256 indexed campaign, uint256 indexed number, uint256 total);
    event AccountAwarded(uint256 indexed campaign, address indexed holder, uint256 amount);
    event AccountClawedBack(uint256 indexed campaign, address indexed holder, uint256 amount);
    event Entered(uint256 indexed campaign, address indexed holder, uint256 amount, uint256 bonus);
    event Left(uint256 indexed campaign, address indexed holder, uint256 amount);
    event Released(uint256 indexed campaign, address indexed holder, uint256 amount);
    event Moved(uint256 indexed from, uint256 indexed to, address indexed holder, uint256 amount, uint256 bonus);
    event StaySet(uint256 indexed campaign, address indexed holder, bool stay);
    event Expired(uint256 indexed campaign, address indexed holder, uint256 amount);
    /// @notice Wallet points paid to a merchant against a commitment to a code.
    event Redeemed(
        address indexed holder,
        address indexed merchant,
        uint256 amount,
        uint256 nonce,
        bytes32 offer,
        bytes32 commitment
    );
    /// @notice Account points paid to a merchant against a commitment to a code.
    event Spent(
        uint256 indexed campaign,
        address indexed holder,
        address indexed merchant,
        uint256 amount,
        uint256 nonce,
        bytes32 offer,
        bytes32 commitment
    );
    /// @notice A signed leave, move or stay of this account landed.
    event OrderExecuted(uint256 indexed campaign, address indexed holder, uint256 nonce);
    event OrdersCancelled(uint256 indexed campaign, address indexed holder, uint256 nonce);

    error ZeroAmount();
    error ZeroCommitment();
    error RecipientRefused(address recipient);
    error UnknownCampaign(uint256 campaign);
    error NotOwner(address caller);
    error NotCandidate(address caller);
    error NotInvited(address caller);
    error NotMerchant(address merchant);
    error NotDelegate(address caller);
    /// @notice The caller's key is not authorised for this campaign, or no longer.
    error NotOperator(address caller);
    /// @notice A term of a campaign is out of its range: "end", "hold", "expiry", "bonus", "fee", "pot".
    error TermRefused(string term);
    /// @notice Another change is announced and not yet due.
    error ChangePending(uint256 effectiveAt);
    error NoChangePending();
    /// @notice Too late. `end` is the moment that was passed: the end, end + GRACE, or expiry + GRACE.
    error CampaignEnded(uint256 end);
    /// @notice Too early: possible from `from` on.
    error NotYet(uint256 from);
    error OverDailyCap(uint256 wanted, uint256 left);
    error OverBudget(uint256 wanted, uint256 left);
    error NumberTaken(uint256 number);
    error InsufficientPoints(uint256 wanted, uint256 available);
    error BelowMinimum(uint256 received, uint256 minimum);
    error ClosedLoop(uint256 campaign);
    error OpenLoop(uint256 campaign);
    error SameCampaign();
    error OrderExpired(uint256 deadline);
    error NonceMismatch(uint256 given, uint256 expected);
    error BadSignature(address holder);
    error BatchTooLong(uint256 length);

    // ---------------------------------------------------------------- facts

    /// @notice The points.
    function token() external view returns (address);

    /// @notice The settlement asset of the token.
    function asset() external view returns (address);

    /// @notice Receives the funding fee.
    function treasury() external view returns (address);

    /// @notice Funding fee in basis points, at most 500, fixed.
    function feeBps() external view returns (uint256);

    /// @notice Number of campaigns; ids run from 1 to this.
    function campaignCount() external view returns (uint256);

    function campaign(uint256 id) external view returns (Campaign memory);

    /// @notice The announced change that is not yet due (kind None when there is none).
    function pendingChange(uint256 id) external view returns (Change memory);

    function account(uint256 id, address holder) external view returns (Account memory);

    /// @notice True when `merchant` has accepted and has not been put off.
    function isMerchant(uint256 id, address merchant) external view returns (bool);

    function isDelegate(address merchant, address delegate) external view returns (bool);

    /// @return dailyCap 0 when the key is not authorised
    /// @return usedToday points awarded and clawed back by this key in the current UTC day
    function operator(uint256 id, address key) external view returns (uint256 dailyCap, uint256 usedToday);

    /// @notice True when the award or clawback batch `number` has landed.
    function landed(uint256 id, uint256 number) external view returns (bool);

    // ------------------------------------------------------------- campaign

    /// @notice Creates a campaign owned by the caller. Par, hold, loop, expiry and terms never change.
    /// @param end in the future
    /// @param hold at most 90 days
    /// @param expiry closed loop: at least end + 2 * hold + 90 days, so that every award matures and can be spent; else 0
    /// @param bonus basis points, closed loop only, at most 10,000
    function createCampaign(uint40 end, uint32 hold, bool closed, uint40 expiry, uint16 bonus, bytes32 terms)
        external
        returns (uint256 id);

    /// @notice Announces a new end (effective GRACE from now; only while the running end is at least GRACE away; not
    /// before it takes effect; closed loop: keeps the distance to expiry).
    function scheduleEnd(uint256 id, uint40 end) external;

    /// @notice Announces a new entry bonus in basis points, closed loop only.
    function scheduleBonus(uint256 id, uint16 bonus) external;

    /// @notice Announces that `merchant` no longer counts from GRACE from now.
    function scheduleMerchantOff(uint256 id, address merchant) external;

    /// @notice Takes back the announced change before it is due.
    function withdrawChange(uint256 id) external;

    /// @notice Offers the campaign to `candidate`, in place of whom it was offered to before; zero: to nobody.
    function offerOwnership(uint256 id, address candidate) external;

    /// @notice The candidate's own word moves the ownership.
    function acceptOwnership(uint256 id) external;

    /// @notice Authorises an operator key, changes its cap or (0) revokes it, at once.
    function setOperator(uint256 id, address key, uint96 dailyCap) external;

    /// @notice Invites a merchant, which counts once it has accepted. Refused for one that has: only a scheduled change
    /// puts it off.
    function inviteMerchant(uint256 id, address merchant) external;

    /// @notice The invited merchant's own word; only then does it count.
    function acceptMerchant(uint256 id) external;

    /// @notice Lets `delegate` execute redemptions for the calling merchant, or no longer.
    function setDelegate(address delegate, bool allowed) external;

    /// @notice Pays for `budget` points of awards and `pot` points of bonuses, plus the fee (rounded up). Who funds gives
    /// to the owner. Refused from end + GRACE.
    function fund(uint256 id, uint256 budget, uint256 pot) external;

    /// @notice From end + GRACE anyone may pay what is left of budget and pot to the owner, as often as there is some.
    function sweep(uint256 id) external;

    // --------------------------------------------------------------- awards

    /// @notice Mints for earned actions, from the budget, until end + GRACE; all or nothing. Entries are 20 bytes of
    /// address and 12 bytes of amount. Each number lands once per campaign, whichever operator sends it, in any order.
    /// @dev Refuses zero amounts, and the zero address, the token and the hub as holders. One account takes at most
    /// 2^48 - 1 a hold period.
    function awardBatch(uint256 id, uint256 number, bytes32[] calldata entries) external;

    /// @notice Takes pending points (youngest first, at most what is pending) back to the budget. Same number series and
    /// same daily cap as awards, which counts what was really taken. Lands even when nothing was left to take.
    function clawbackBatch(uint256 id, uint256 number, bytes32[] calldata entries) external;

    // ------------------------------------------------------------- accounts

    /// @notice Wallet to campaign; needs an allowance. Closed loop: credits a bonus as far as the pot goes.
    /// Reverts when less than `minReceived` would be credited. Refused after the end. In an open campaign this sets `stay`.
    function enter(uint256 id, uint256 amount, uint256 minReceived) external;

    /// @notice `enter` by order: the token's `Payment` with `Enter witness)Enter(uint256 campaign,uint256 minReceived)`.
    function enterBySig(
        uint256 id,
        address holder,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Open loop: matured points to the caller's wallet.
    function leave(uint256 id, uint256 amount) external;

    /// @dev EIP-712: `Leave(address holder,uint256 campaign,uint256 amount,uint256 nonce,uint256 deadline)`.
    function leaveBySig(
        uint256 id,
        address holder,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Matured points from an open campaign to any other, in one transaction, bonus as in `enter`.
    function move(uint256 from, uint256 to, uint256 amount, uint256 minReceived) external;

    /// @dev EIP-712: `Move(address holder,uint256 from,uint256 to,uint256 amount,uint256 minReceived,uint256 nonce,`
    /// `uint256 deadline)`; the nonce is that of the account in `from`.
    function moveBySig(
        uint256 from,
        uint256 to,
        address holder,
        uint256 amount,
        uint256 minReceived,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Anyone: sends matured points of an open campaign to their holders' wallets; skips who chose to stay.
    function release(uint256 id, address[] calldata holders) external;

    /// @notice Chooses whether others may release the caller's matured points.
    function setStay(uint256 id, bool stay) external;

    /// @dev EIP-712: `Stay(address holder,uint256 campaign,bool stay,uint256 nonce,uint256 deadline)`.
    function setStayBySig(
        uint256 id,
        address holder,
        bool stay,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Anyone, closed loop, from expiry + GRACE: takes expired accounts back to the budget.
    function expire(uint256 id, address[] calldata holders) external;

    /// @notice Voids everything the caller has signed for this account, also orders signed ahead with later nonces.
    /// @dev The nonce rises by 65,536, farther than any queue of orders reaches; 65,535 times at most.
    function cancel(uint256 id) external;

    // ---------------------------------------------------------- redemptions

    /// @notice Executes orders on wallet points; the caller is `merchant` or its delegate, who is paid in points. A bad
    /// order is skipped and changes nothing.
    /// @dev Typed data: the token's `Payment` with witness
    /// `Redemption witness)Redemption(address merchant,bytes32 offer,bytes32 sealKey)`.
    /// @return done bit i is set when order i was executed
    function redeemBatch(address merchant, Order[] calldata orders) external returns (uint256 done);

    /// @notice One order on wallet points with a signature of any kind (ECDSA or ERC-1271); `r` and `vs` are ignored.
    function redeem(address merchant, Order calldata order, bytes calldata signature) external;

    /// @notice Executes orders on account points of campaign `id`, for an accepted merchant of it; until expiry + GRACE
    /// where there is an expiry. A bad order is skipped and changes nothing.
    /// @dev EIP-712: `Spend(address holder,uint256 campaign,address merchant,uint256 amount,bytes32 offer,`
    /// `bytes32 sealKey,uint256 nonce,uint256 deadline)`.
    function spendBatch(uint256 id, address merchant, Order[] calldata orders) external returns (uint256 done);

    /// @notice One order on account points with a signature of any kind; `r` and `vs` are ignored.
    function spend(uint256 id, address merchant, Order calldata order, bytes calldata signature) external;
}
