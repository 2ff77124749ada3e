"""Whether a walk used everything that a campaign's file declares: what is written down and never tried may not work."""

from __future__ import annotations

import re
import time
from datetime import date
from typing import Any

from gateway.chain import signatures
from gateway.chain.hexes import to_hex
from gateway.client import Json
from gateway.commands.campaign_file import CampaignFile
from gateway.loyalty.earning.boards import messages as boards
from gateway.loyalty.tiers import messages as tiers
from tests.functional.house import done
from tests.functional.people import Holder, Merchant


class Exercised:
    """Fed with what the gateway answers; `close` fails for what none of it was about."""

    def __init__(self, merchant: Merchant, campaign: int, file: CampaignFile) -> None:
        self.merchant, self.campaign, self.file = merchant, campaign, file
        self.used: set[str] = set()

    def declared(self) -> set[str]:
        earning = self.file.earning
        assert earning is not None
        found = {f"rule {rule.id}" for rule in earning.rules} | {f"group {group.id}" for group in earning.groups}
        for multiplier in earning.multipliers:
            percents = multiplier.by_tier.percents if multiplier.by_tier else [multiplier.percent]
            found |= {f"multiplier {multiplier.id} {percent} %" for percent in percents}
        found |= {f"cap {cap.id}" for cap in earning.caps} | {f"goal {goal.id}" for goal in earning.goals}
        found |= {f"rung {ladder.id} {rung.id}" for ladder in earning.ladders for rung in ladder.rungs}
        found |= {f"badge {badge.number}" for badge in earning.badges}
        found |= {"leaderboard"} if earning.leaderboard else set()
        if earning.referral is not None:
            found |= {f"referral {place}" for place in range(len(earning.referral.levels) + 1)}
        found |= {f"share {share.merchant}" for share in self.file.shares or ()}
        for offer in self.file.offers or ():
            found |= {f"offer {offer.ref}", *(f"price {offer.ref} {each.price}" for each in offer.prices)}
        return found

    def close(self) -> None:
        untried, unknown = self.declared() - self.used, self.used - self.declared()
        assert not untried, f"never tried: {sorted(untried)}"
        assert not unknown, f"not in the file: {sorted(unknown)}"

    # ------------------------------------------------------------------- tills

    def verdicts(self, answer: Any) -> None:
        """What the explanation of one action says."""
        for verdict in answer["verdicts"]:
            why = verdict["why"]
            if verdict["wanted"]:
                self.used |= {f"rule {verdict['id']}"}
                self.used |= {f"multiplier {name} {percent} %" for name, percent in re.findall(r"(\w+) (\d+) %", why)}
            self.used |= {f"cap {name}" for name in re.findall(r"(?:because|;) (\w+) allows", why)}
            self.used |= {f"group {name}" for name in re.findall(r"in the group (\w+)", why)}

    def report(self, *actions: Json) -> list[Json]:
        """One after the other; what was answered."""
        found = []
        for place, action in enumerate(actions):
            told = {"campaign": self.campaign} | action
            key = str(told.pop("key", f"{self.campaign}-{len(self.used)}-{place}"))
            found.append(dict(self.merchant.client.report(told, key)))
            self.verdicts(found[-1])
        return found

    def preview(self, action: Json, merchant: Merchant | None = None) -> int:
        """What it would earn."""
        asked = {"campaign": self.campaign} | action
        answer = done((merchant or self.merchant).call("POST", "/actions/preview", asked))
        self.verdicts(answer)
        return int(answer["points"])

    # ----------------------------------------------------------------- wallets

    def goals(self, holder: Holder) -> None:
        """Which goals the wallet has reached, by its own proof."""
        proof = holder.wallet.signer.proof()
        items = holder.house.client().look(f"/v1/wallets/{holder.name}/goals", proof)["items"]
        self.used |= {f"goal {each['goal']}" for each in items if each["times"]}

    def stands(self, holder: Holder, ladder: str) -> str:
        """The rung on which the wallet stands, by its own proof."""
        proof = holder.wallet.signer.proof()
        items = holder.house.client().look(f"/v1/wallets/{holder.name}/tiers", proof)["items"]
        (place,) = [each for each in items if (each["campaign"], each["ladder"]) == (self.campaign, ladder)]
        self.used |= {f"rung {ladder} {place['rung']}"}
        return str(place["rung"])

    def gives(self, holder: Holder, ladder: str, rung: str) -> None:
        """The merchant lets the wallet, which asked for it, stand there."""
        chain, until = holder.house.deployment.chain_id, date(2038, 12, 31)
        text = tiers.message(holder.address, self.campaign, chain, ladder, rung, until).encode()
        signature = to_hex(signatures.sign(holder.key, signatures.personal(text)))
        body = {"wallet": holder.name, "ladder": ladder, "rung": rung, "signature": signature}
        days = {"last": "2037-12-31", "until": until.isoformat()}
        done(self.merchant.call("PUT", f"/campaigns/{self.campaign}/vips", body | days))
        assert self.stands(holder, ladder) == rung

    def plays(self, holder: Holder) -> None:
        """The wallet asks to be shown on the board, and is."""
        client, path = holder.house.client(), f"/v1/campaigns/{self.campaign}/leaderboard"
        name, at = client.get(f"{path}/names")["items"][0], int(time.time())
        text = boards.message(holder.address, self.campaign, holder.house.deployment.chain_id, name, at).encode()
        signature = to_hex(signatures.sign(holder.key, signatures.personal(text)))
        client.order(path, {"wallet": holder.name, "pseudonym": name, "at": at, "signature": signature})
        assert [(item["place"], item["pseudonym"]) for item in client.get(path)["items"]] == [(1, name)]
        self.used |= {"leaderboard"}

    # ------------------------------------------------------------------ offers

    def offer(self, ref: str) -> int:
        """The number under which it is published."""
        found = self.merchant.client.items("/v1/offers", merchant_id=self.merchant.id)
        return next(int(each["id"]) for each in found if f'"ref":"{ref}"' in each["document"])

    def quoted(self, holder: Holder, ref: str) -> list[int]:
        """What the wallet may pay for it, the best price first."""
        amounts = [int(price["amount"]) for price in holder.wallet.quote(self.offer(ref))["prices"]]
        self.used |= {f"price {ref} {amounts[0]}"} & self.declared() if amounts else set()
        return amounts

    def redeems(self, holder: Holder, ref: str) -> str:
        """The wallet pays, opens its box, and the till takes the code; the code."""
        received = holder.wallet.delivered(holder.wallet.order(self.offer(ref)))
        assert received.on_chain
        assert self.merchant.client.code("use", received.code)["state"] == "used"
        self.used |= {f"offer {ref}"}
        return received.code
