"""QR codes, on the terminal and for the printer."""

from __future__ import annotations

import io
from pathlib import Path

import segno
from rich.text import Text

from gateway.commands.console import CommandError

#: What a file may be, by its ending.
ENDINGS = (".svg", ".png", ".pdf")
#: So many light modules around it, as scanners want.
BORDER = 4


def drawn(text: str) -> Text:
    """For a terminal of any colours: two rows of modules in each line."""
    lines = io.StringIO()
    segno.make_qr(text, error="m").terminal(lines, border=BORDER, compact=True)
    return Text(lines.getvalue(), style="bright_white on black", no_wrap=True)


def check(path: Path) -> Path:
    """CommandError for a file that cannot be one."""
    if path.suffix.lower() not in ENDINGS:
        raise CommandError(f"{path.name}: a QR code is written as {', '.join(ENDINGS)}", "--qr welcome.svg")
    return path


def write(path: Path, text: str) -> None:
    """Writes the code for the printer, large; CommandError when the file cannot be written."""
    try:
        segno.make_qr(text, error="m").save(str(path), border=BORDER, scale=10)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None
