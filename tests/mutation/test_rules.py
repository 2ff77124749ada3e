"""A rule of equivalence holds of what it is about and of nothing that looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.mutation import rules
from scripts.mutation.build import Mutant

BODY = """contract C {{
    enum Kind {{ None, Some }}
    function f(uint256 n, uint256[] memory list) external {{
        {line}
    }}
}}
"""


@pytest.fixture
def why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Says of a line with `old` in it what the rules say when `new` stands there."""

    def why(line: str, old: str, new: str) -> str:
        text = BODY.format(line=line)
        (tmp_path / "contracts").mkdir(exist_ok=True)
        (tmp_path / "contracts" / "C.sol").write_text(text)
        monkeypatch.setattr(rules, "ROOT", tmp_path)
        rules._source.cache_clear()
        rules._everything.cache_clear()
        start = text.index(old)
        return rules.why_equivalent(
            Mutant("", "contracts/C.sol", "C", "f", 1, "", old, new, start, start + len(old), None)
        )

    yield why
    rules._source.cache_clear()
    rules._everything.cache_clear()


LOOP = "for (uint256 i = 0; i < n; ++i) {{ {body} }}"
LENGTH = "for (uint256 i = 0; i < list.length; ++i) {{ {body} }}"


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        ("uint256 i = 0;", "uint256 i = 0", "uint256 i"),
        ("uint256 private constant N = 5;", "uint256 private constant N = 5", "uint256 private immutable N = 5"),
        ("if (n != 0) g();", "n != 0", "n > 0"),
        ("if (n & 3 == 0 && m()) g();", "n & 3 == 0", "n & 3 <= 0"),
        ("if (m != 0 || n == 0) g();", "m != 0 || n == 0", "m != 0 || n <= 0"),
        ("if (kind == Kind.None) g();", "kind == Kind.None", "kind <= Kind.None"),
        ("if (kind == Kind.Some) g();", "kind == Kind.Some", "kind >= Kind.Some"),
        ("if (n == 0 || n > m) g();", "n == 0", "n <= 0 || n > m"),
        ("return to != address(0);", "to != address(0)", "to > address(0)"),
        ("++n;", "++n", "n++"),
        ("if (g(n)) ++n;", "++n", "n++"),
        (LENGTH.format(body="g(list[i]); }} {{ g(i);"), "uint256 i = 0", "uint128 i = 0"),
        ("for (uint256 i = 0; i < n; ++i) g();", "++i", "i++"),
        (loop := LOOP.format(body="done |= 1 << i; g(list[i]);"), loop, loop.replace("uint256", "uint128")),
        (LOOP.format(body="g(i);"), "i < n", "i != n"),
        (LENGTH.format(body="uint256 one = list[i]; if (one == 0) continue;"), "i < list.length", "i != list.length"),
    ],
)
def test_nobody_could_tell(why, line, old, new):
    assert why(line, old, new)


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        ("uint256 i = 1;", "uint256 i = 1", "uint256 i"),
        ("uint256 i = 0;", "uint256 i = 0", "uint128 i"),
        ("uint256 i = 0;", "uint256 i = 0", "uint128 i = 0"),
        (LENGTH.format(body="g(list[i]); g(i);"), "uint256 i = 0", "uint128 i = 0"),
        ("uint256 i = 0 + n;", "uint256 i = 0 + n", "uint256 i"),
        ("uint256 private constant N = 5;", "uint256 private constant N = 5", "uint256 private immutable N = 6"),
        ("if (n != 0) g();", "n != 0", "n < 0"),
        ("if (n != 0) g();", "n != 0", "n >= 0"),
        ("if (n != 1) g();", "n != 1", "n > 1"),
        ("if (n != 0) g();", "n != 0", "m > 0"),
        ("if (n != 0 + m) g();", "n != 0", "n > 0"),
        ("if (n != 0x10) g();", "n != 0x10", "n > 0x10"),
        ("if (0 != n) g();", "0 != n", "0 > n"),
        ("if (m == n == 0) g();", "m == n == 0", "m == n <= 0"),
        ("if (m == n == 0) g();", "n == 0", "n <= 0"),
        ("if (kind == Kind.Some) g();", "kind == Kind.Some", "kind <= Kind.Some"),
        ("if (kind == Else.None) g();", "kind == Else.None", "kind <= Else.None"),
        ("if (kind == Kind.None) g();", "kind == Kind.None", "kind >= Kind.None"),
        ("if (n == 0 || n > m) g();", "n == 0", "n <= 0 || n > k"),
        ("if (n == 0 || n > m) g();", "n == 0", "n <= 0 && n > m"),
        ("if (n == 0 || n > m()) g();", "n == 0", "n <= 0 || n > m()"),
        ("if (n == 0 || n > m && k) g();", "n == 0", "n <= 0 || n > m"),
        ("if (k && n == 0 || n > m) g();", "n == 0", "n <= 0 || n > m"),
        ("int256 s; if (n != 0) g();", "n != 0", "n > 0"),
        ("enum Other { Some, None } if (kind == Other.None) g();", "kind == Other.None", "kind <= Other.None"),
        ("x = ++n;", "++n", "n++"),
        ("x[++n] = 1;", "++n", "n++"),
        ("return g(++n);", "++n", "n++"),
        ("for (uint256 i = 0; ++i < n;) g();", "++i", "i++"),
        (loop := LOOP.format(body="g(i);"), loop, loop.replace("uint256", "uint128")),
        (loop := LOOP.format(body="g(2 << i);"), loop, loop.replace("uint256", "uint128")),
        (loop := LOOP.format(body="g(list[i]);"), loop, loop.replace("uint256", "uint8")),
        (loop := LOOP.format(body="uint256 m = list[i];"), loop, loop.replace("uint256 m", "uint128 m")),
        ("for (; ++n;) g();", "++n", "n++"),
        ("++n;", "++n", "n--"),
        ("if (n < m) g();", "n < m", "n != m"),
        (LOOP.format(body="++i;"), "i < n", "i != n"),
        (LOOP.format(body="i += 2;"), "i < n", "i != n"),
        (LOOP.format(body="n = g();"), "i < n", "i != n"),
        (LOOP.format(body="(n, m) = g();"), "i < n", "i != n"),
        (LOOP.format(body="--n;"), "i < n", "i != n"),
        (LENGTH.format(body="list.pop();"), "i < list.length", "i != list.length"),
        (LENGTH.format(body="list = other;"), "i < list.length", "i != list.length"),
        (LOOP.format(body="if (i < n) g();"), "i < n", "i <= n"),
        ("for (uint256 i = 1; i < n; ++i) { g(); }", "i < n", "i != n"),
        ("for (uint256 i = 0; i < n; i += 2) { g(); }", "i < n", "i != n"),
    ],
)
def test_somebody_could(why, line, old, new):
    assert not why(line, old, new)
