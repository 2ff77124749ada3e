"""QR codes: what is drawn is the code, and what cannot be written is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import segno

from gateway.commands import qr
from gateway.commands.console import CommandError

CODE = "MFRGGZDFMZTWQ2LKNNWG23TPOA"
#: Of each character the upper and the lower module: light is drawn, dark is the ground.
HALVES = {" ": (1, 1), "▀": (0, 1), "▄": (1, 0), "█": (0, 0)}


def test_what_a_terminal_shows_is_the_code() -> None:
    rows: list[list[int]] = []
    for line in qr.drawn(CODE).plain.splitlines():
        upper, lower = zip(*(HALVES[character] for character in line), strict=True)
        rows += [list(upper), list(lower)]
    expected = [list(row) for row in segno.make_qr(CODE, error="m").matrix_iter(border=qr.BORDER)]
    assert rows[: len(expected)] == expected
    assert {1} >= {module for row in rows[len(expected) :] for module in row}  # half a line more


@pytest.mark.parametrize(("ending", "start"), zip(qr.ENDINGS, (b"<?xml", b"\x89PNG", b"%PDF"), strict=True))
def test_it_is_written_for_the_printer(tmp_path: Path, ending: str, start: bytes) -> None:
    path = qr.check(tmp_path / f"code{ending}")
    qr.write(path, CODE)
    assert path.read_bytes().startswith(start)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is written as"):
        qr.check(tmp_path / "code.exe")
    with pytest.raises(CommandError, match="cannot write"):
        qr.write(tmp_path / "nowhere" / "code.svg", CODE)
