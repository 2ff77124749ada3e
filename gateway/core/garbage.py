"""How often a long-lived process looks for objects that hold each other in a circle."""

from __future__ import annotations

import gc

#: Objects made, less those given up, until the youngest are looked at. Python's own 700 suits small programs: reading a
#: chain's history, a quarter of the processor time went into looking at what is in use (docs/performance.md).
EVERY = 10_000


def settle() -> None:
    """To be called once, when everything has been built that stays to the end: it is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(EVERY, *gc.get_threshold()[1:])
