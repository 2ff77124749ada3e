"""Places where a process can be told to die, so that tests show that nothing is lost there and nothing happens twice.

The setting `crash_at` names one of them (see docs/decisions/0100-places-to-die.md); production refuses it. Where it is
empty, a place costs one comparison.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable

#: `sent`, `sent.award` (only when an award is among what is sent), `sent.award:3` (at the third time).
NAMED = re.compile(r"(?P<place>[a-z]+)(?:\.(?P<part>[a-z_]+))?(?::(?P<times>[1-9][0-9]*))?")


class _Armed:
    place = ""
    part: str | None = None
    left = 0


def arm(text: str) -> None:
    """Chooses where this process dies; an empty text: nowhere. ValueError when `text` names no place."""
    found = NAMED.fullmatch(text)
    if text and not found:
        raise ValueError("expected a place, as in `sent`, `sent.award` or `sent.award:3`")
    _Armed.place = found["place"] if found else ""
    _Armed.part = found["part"] if found else None
    _Armed.left = int(found["times"] or 1) if found else 0


def reach(place: str, parts: Iterable[str] = ()) -> None:
    """Dies here, as by SIGKILL, if this is the place. `parts`: what is on its way here."""
    if place != _Armed.place:
        return
    if _Armed.part is not None and _Armed.part not in set(parts):
        return
    _Armed.left -= 1
    if _Armed.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
