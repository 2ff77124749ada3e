"""What a move can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

CLOSED_LOOP = Refusal("closed-loop", 422, "Points of this campaign can only be spent with its merchants")
ENTRY_CLOSED = Refusal("entry-closed", 409, "The campaign has ended; nothing enters it any more")
SAME_CAMPAIGN = Refusal("same-campaign", 422, "Source and target are one campaign")
SAME_WALLET = Refusal("same-wallet", 422, "Sender and recipient are one wallet")
BELOW_MINIMUM = Refusal("below-minimum", 409, "Less would be received now than the order demands")
STAY_UNCHANGED = Refusal("stay-unchanged", 409, "The account has this choice already; nothing was relayed")
