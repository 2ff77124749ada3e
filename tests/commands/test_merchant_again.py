"""`loyalty merchant new` with a name that is known here: what an operator does after a restore."""

from __future__ import annotations

from tests.commands.conftest import CommandLine


def test_a_merchant_whose_key_the_gateway_knows_no_more_gets_a_new_one(loyalty: CommandLine) -> None:
    first = loyalty.run("merchant", "new", "cafe").document
    kept = loyalty.state.merchant("cafe")
    assert loyalty.run("merchant", "new", "cafe").document == first
    assert loyalty.state.merchant("cafe") == kept

    (key,) = loyalty.run("merchant", "keys", "cafe").document
    second = loyalty.run("merchant", "key", "cafe", "--scopes", "manage,actions").document
    with loyalty.client("cafe") as client:
        client.write("DELETE", f"/v1/keys/{key['id']}")
    refused = loyalty.run("merchant", "keys", "cafe", fails=1)
    assert "loyalty merchant new" in refused.err

    assert loyalty.run("merchant", "new", "cafe", "--title", "Another title").document == first
    assert loyalty.state.merchant("cafe").api_key not in (kept.api_key, second["key"])
    revoked = [each["revoked_at"] is not None for each in loyalty.run("merchant", "keys", "cafe").document]
    assert revoked == [True, False, False]
