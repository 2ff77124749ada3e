"""Names under which wallets play: two words of ours and a number; nobody can write a text of their own. Pure."""

from __future__ import annotations

_FIRST = (
    "amber azure bold brave bright brisk bronze calm clear clever cosy crisp curly dapper daring dewy eager early "
    "fair fancy fleet fond fresh frosty gentle glad golden grand happy hardy hazel humble jolly keen kind lively "
    "lucky mellow merry mighty misty neat noble olive patient plucky proud quick quiet ready rosy royal rustic "
    "silver snowy solid sunny swift tidy trusty velvet warm witty zesty "
)
_SECOND = (
    "alpaca badger beaver bison bobcat camel caribou chamois cheetah civet condor coyote crane dolphin donkey "
    "dormouse eagle egret falcon ferret finch fox gecko gibbon goose hamster hare hedgehog heron ibex ibis jackal "
    "jaguar kestrel kite koala lark lemur leopard linnet lizard llama lynx magpie marmot marten mole moose newt "
    "ocelot osprey otter owl panda pelican plover puffin raven robin seal stoat swan tapir wren "
)
ADJECTIVES, ANIMALS = _FIRST.split(), _SECOND.split()
NUMBERS = 100
#: How many there are.
COUNT = len(ADJECTIVES) * len(ANIMALS) * NUMBERS


def name_of(number: int) -> str:
    """The name with this number, from 0: `brave-otter-42`."""
    words, last = divmod(number, NUMBERS)
    first, second = divmod(words, len(ANIMALS))
    return f"{ADJECTIVES[first]}-{ANIMALS[second]}-{last}"


def number_of(name: str) -> int:
    """The number of a name; ValueError when it is none of ours."""
    first, second, last = name.split("-")
    number = (ADJECTIVES.index(first) * len(ANIMALS) + ANIMALS.index(second)) * NUMBERS + int(last)
    if name_of(number) != name:
        raise ValueError("no such name")
    return number
