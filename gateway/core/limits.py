"""The largest and smallest numbers that are stored: none that a request brings is somebody's telephone or card."""

#: 2010-01-01 to 2038-01-19: too small for a telephone number with its country code, or a card.
FIRST_SECOND, LAST_SECOND = 1_262_304_000, 2_147_483_647
#: 9,999,999.99: below any telephone number of ten digits.
MAX_HUNDREDTHS = 999_999_999
#: Rows, blocks, nonces: counted by the database or a chain, and as many as they are. Eleven digits are too few for most
#: telephone numbers with their country code, but not for all: no request may bring such a number.
MAX_ID = 10**11 - 1
#: Orders are relayed, at our cost, from one point (100 hundredths) upward.
RELAY_MINIMUM = 100
#: For merchant-side sums only.
MAX_SUM = 2**62
