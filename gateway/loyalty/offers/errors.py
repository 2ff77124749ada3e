"""What offers and codes can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

OFFER_MALFORMED = Refusal("offer-malformed", 422, "The offer document is not canonical, or a term is out of range")
OFFER_OTHER_CHAIN = Refusal("offer-other-chain", 422, "The offer document names another chain or hub")
OFFER_OTHER_MERCHANT = Refusal("offer-other-merchant", 422, "The offer document names another merchant")
OFFER_EXISTS = Refusal("offer-exists", 409, "This very document is an offer already")
OFFER_NOT_OPEN = Refusal("offer-not-open", 409, "The offer is closed, has ended or has not begun")
OFFER_HAS_NO_POOL = Refusal("offer-has-no-pool", 409, "The codes of this offer are generated")
MERCHANT_NOT_IN_CAMPAIGN = Refusal("merchant-not-in-campaign", 409, "The merchant is not accepted in this campaign")
OUT_OF_STOCK = Refusal("out-of-stock", 409, "There is no code left")
PATTERN_MALFORMED = Refusal("pattern-malformed", 422, "The pattern holds a character that stands for nothing")
PATTERN_TOO_WEAK = Refusal("pattern-too-weak", 422, "Codes of this pattern could be guessed")
CSV_MALFORMED = Refusal("csv-malformed", 422, "The file is not a CSV of codes; nothing was imported")
CODES_ALREADY_UPLOADED = Refusal("codes-already-uploaded", 409, "A code is there already; nothing was imported")
CODE_FORGED = Refusal("code-forged", 422, "The merchant's key at this gateway has not signed this code")
USED_IN_FUTURE = Refusal("used-in-future", 422, "This use has not happened yet")
CODE_UNKNOWN = Refusal("code-unknown", 404, "No such code of this merchant was handed out")
CODE_USED = Refusal("code-used", 409, "The code was used before")
CODE_EXPIRED = Refusal("code-expired", 409, "The code has expired")
CODE_NOT_USED = Refusal("code-not-used", 409, "The code was not used; there is nothing to undo")
UNDO_REFUSED = Refusal("undo-refused", 409, "Only the till that used the code may undo it, within minutes")
TOO_MANY_MISSES = Refusal("too-many-misses", 429, "Too many unknown codes were asked for in this hour")
