"""The largest and smallest numbers that are stored: none reads as somebody's telephone, card or address."""

#: 2010-01-01 to 2038-01-19: too small for a phone number, an IPv4 address above 128.0.0.0 or a card.
FIRST_SECOND, LAST_SECOND = 1_262_304_000, 2_147_483_647
#: 9,999,999.99: below any phone number of ten digits.
MAX_HUNDREDTHS = 999_999_999
#: Rows, blocks, nonces: below any phone number with its country code.
MAX_ID = 10**11 - 1
#: Orders are relayed, at our cost, from one point (100 hundredths) upward.
RELAY_MINIMUM = 100
#: For merchant-side sums only.
MAX_SUM = 2**62
