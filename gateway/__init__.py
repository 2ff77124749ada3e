"""The gateway: mints, moves and redeems points that belong to the people who earned them."""
