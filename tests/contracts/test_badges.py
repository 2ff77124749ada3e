"""LoyaltyBadges: by an operator and the holder together, once, for good unless the holder renounces; never moved."""

import base64
import json

import pytest

from tests.contracts.support import FAR, TYPES, ZERO, events, know_errors, refused, sign

TYPES["Badge"] = {"holder": "address", "campaign": "uint256", "badge": "uint256", "deadline": "uint256"}
BADGE = 3


@pytest.fixture(scope="module")
def badges(contracts, hub, people):
    know_errors(contracts.LoyaltyBadges)
    return contracts.LoyaltyBadges.deploy(hub, sender=people.owner)


@pytest.fixture
def campaign(make):
    return make.campaign()


def wish(badges, holder, campaign, /, *, last=FAR, signer=None, **signed):
    """A holder's wish; `signed`: what it signed otherwise than is sent."""
    message = {"holder": holder, "campaign": campaign, "badge": BADGE, "deadline": last} | signed
    signature = sign(signer or holder, badges, "Badge", message)
    return (holder.address, last, signature.r_bytes, signature.vs)


def held(badges, campaign, holder, badge=BADGE):
    return badges.stateOf(badges.idOf(campaign, badge, holder)).held


def test_lands_once_and_tells(badges, campaign, people):
    wishes = [wish(badges, people.alice, campaign), wish(badges, people.bob, campaign)]
    receipt = badges.award(campaign, BADGE, wishes, sender=people.operator)
    alice, bob = (badges.idOf(campaign, BADGE, who) for who in (people.alice, people.bob))
    assert events(receipt, badges.Transfer, badges.Locked) == [
        ("Transfer", ZERO, people.alice.address, alice),
        ("Locked", alice),
        ("Transfer", ZERO, people.bob.address, bob),
        ("Locked", bob),
    ]
    assert badges.ownerOf(alice) == people.alice.address
    assert badges.locked(alice)
    assert [badges.balanceOf(who) for who in (people.alice, people.bob, people.carol)] == [1, 1, 0]
    again = badges.award(campaign, BADGE, wishes, sender=people.operator)
    assert events(again, badges.Transfer, badges.Locked) == []
    assert badges.balanceOf(people.alice) == 1


def test_a_number_tells_everything(badges, campaign, people):
    number = badges.idOf(campaign, BADGE, people.alice)
    assert number == campaign << 192 | BADGE << 160 | int(people.alice.address, 16)
    assert tuple(badges.partsOf(number)) == (campaign, BADGE, people.alice.address)
    assert tuple(badges.stateOf(number)) == (False, False)
    greatest = (2**64 - 1, 2**32 - 1, people.alice.address)
    assert tuple(badges.partsOf(badges.idOf(*greatest))) == greatest


@pytest.mark.parametrize("changed", ["holder", "campaign", "badge", "deadline"])
def test_what_the_holder_did_not_sign_is_skipped(badges, campaign, people, changed):
    other = {"holder": people.carol, "campaign": campaign + 1, "badge": BADGE + 1, "deadline": FAR - 1}[changed]
    bad = wish(badges, people.alice, campaign, **{changed: other})
    good = wish(badges, people.bob, campaign)
    assert badges.award.call(campaign, BADGE, [bad, good], sender=people.operator) == 1
    badges.award(campaign, BADGE, [bad, good], sender=people.operator)
    assert not held(badges, campaign, people.alice)
    assert held(badges, campaign, people.bob)


def test_other_signers_late_wishes_and_the_mirrored_signature_are_skipped(badges, campaign, people, clock):
    late = wish(badges, people.alice, campaign, last=clock.now - 1)
    stolen = wish(badges, people.alice, campaign, signer=people.bob)
    nobody = (ZERO, FAR, b"\x00" * 32, b"\x00" * 32)
    message = {"holder": people.alice, "campaign": campaign, "badge": BADGE, "deadline": FAR}
    mirrored = sign(people.alice, badges, "Badge", message).mirrored
    odd = (people.alice.address, FAR, mirrored.r_bytes, mirrored.s_bytes)
    elsewhere = sign(people.alice, badges, "Badge", message, chainId=1)
    foreign = (people.alice.address, FAR, elsewhere.r_bytes, elsewhere.vs)
    for bad in (late, stolen, nobody, odd, foreign):
        assert badges.award.call(campaign, BADGE, [bad], sender=people.operator) == 0


def test_only_an_operator_awards(badges, campaign, people, hub):
    wishes = [wish(badges, people.alice, campaign)]
    for who in (people.owner, people.alice, people.stranger):
        with refused("NotOperator", campaign, who):
            badges.award(campaign, BADGE, wishes, sender=who)
    hub.setOperator(campaign, people.operator, 0, sender=people.owner)
    with refused("NotOperator", campaign, people.operator):
        badges.award(campaign, BADGE, wishes, sender=people.operator)


def test_lengths_and_ranges(badges, campaign, people):
    with refused("BadLength", 0):
        badges.award(campaign, BADGE, [], sender=people.operator)
    with refused("BadLength", 257):
        badges.award(campaign, BADGE, [wish(badges, people.alice, campaign)] * 257, sender=people.operator)
    wishes = [wish(badges, people.alice, campaign)] * 256
    assert badges.award.call(campaign, BADGE, wishes, sender=people.operator) == 1
    with refused("OutOfRange", campaign, 2**32):
        badges.award(campaign, 2**32, [wish(badges, people.alice, campaign)], sender=people.operator)
    with refused("UnknownCampaign", 2**64 - 1):
        badges.award(2**64 - 1, BADGE, [wish(badges, people.alice, campaign)], sender=people.operator)
    last = 2**32 - 1
    badges.award(campaign, last, [wish(badges, people.alice, campaign, badge=last)], sender=people.operator)
    assert held(badges, campaign, people.alice, last)
    for where, badge in ((2**64, 1), (1, 2**32)):
        with refused("OutOfRange", where, badge):
            badges.idOf(where, badge, people.alice)


def test_a_wish_is_good_in_its_last_second(badges, campaign, people, clock):
    last = clock.now + 100
    wishes = [wish(badges, people.alice, campaign, last=last)]
    clock.next_at(last)
    badges.award(campaign, BADGE, wishes, sender=people.operator)
    assert held(badges, campaign, people.alice)


def test_the_holder_alone_renounces_for_ever(badges, campaign, people):
    wishes = [wish(badges, people.alice, campaign)]
    badges.award(campaign, BADGE, wishes, sender=people.operator)
    number = badges.idOf(campaign, BADGE, people.alice)
    never = badges.idOf(campaign, BADGE + 1, people.alice)
    with refused("ERC721NonexistentToken", never):
        badges.renounce(never, sender=people.alice)
    for who in (people.owner, people.operator, people.bob):
        with refused("NotHolder", number, who):
            badges.renounce(number, sender=who)
    receipt = badges.renounce(number, sender=people.alice)
    assert events(receipt, badges.Transfer) == [("Transfer", people.alice.address, ZERO, number)]
    assert tuple(badges.stateOf(number)) == (False, True)
    assert badges.balanceOf(people.alice) == 0
    assert badges.award.call(campaign, BADGE, wishes, sender=people.operator) == 0
    with refused("ERC721NonexistentToken", number):
        badges.ownerOf(number)
    with refused("ERC721NonexistentToken", number):
        badges.renounce(number, sender=people.alice)


def test_never_moved(badges, campaign, people):
    badges.award(campaign, BADGE, [wish(badges, people.alice, campaign)], sender=people.operator)
    number = badges.idOf(campaign, BADGE, people.alice)
    alice, bob = people.alice, people.bob
    for move in (
        lambda: badges.transferFrom(alice, bob, number, sender=alice),
        lambda: badges.safeTransferFrom(alice, bob, number, sender=alice),
        lambda: badges.safeTransferFrom(alice, bob, number, b"", sender=alice),
        lambda: badges.approve(bob, number, sender=alice),
        lambda: badges.setApprovalForAll(bob, True, sender=alice),
    ):
        with refused("Soulbound"):
            move()
    assert badges.getApproved(number) == ZERO
    assert not badges.isApprovedForAll(alice, bob)
    assert badges.ownerOf(number) == alice.address


def test_what_wallets_ask_a_collection(badges, campaign, people, hub):
    number = badges.idOf(campaign, BADGE, people.alice)
    for ask in (badges.ownerOf, badges.locked, badges.tokenURI, badges.getApproved):
        with refused("ERC721NonexistentToken", number):
            ask(number)
    with refused("ERC721InvalidOwner", ZERO):
        badges.balanceOf(ZERO)
    badges.award(campaign, BADGE, [wish(badges, people.alice, campaign)], sender=people.operator)
    told = badges.tokenURI(number).removeprefix("data:application/json;base64,")
    assert json.loads(base64.b64decode(told)) == {
        "name": f"Badge {BADGE} of campaign {campaign}",
        "attributes": [{"trait_type": "campaign", "value": campaign}, {"trait_type": "badge", "value": BADGE}],
    }
    assert (badges.name(), badges.symbol(), badges.hub()) == ("Loyalty Badges", "BADGE", hub.address)
    known = ("01ffc9a7", "80ac58cd", "5b5e139f", "b45a3c0e")
    assert [badges.supportsInterface(bytes.fromhex(id)) for id in (*known, "ffffffff")] == [True] * 4 + [False]
