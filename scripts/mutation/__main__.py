"""Change the contracts in every small way that slither-mutate knows, and see whether a test notices.

Mutants come in an order that a seed shuffles, so whatever has been judged is a random sample of all. Verdicts are kept
in tests/mutation/verdicts.txt and not asked for again while the sources are the same. What nobody notices must be
explained in survivors.yaml beside it; the score is written there, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import yaml

from scripts.mutation.build import Mutant, build, stands_alone, valid
from scripts.mutation.judge import Units, killer
from scripts.mutation.rules import why_equivalent
from scripts.planted_faults import ROOT, planted_sources

SOURCES = "".join(text for _, text in sorted(planted_sources(()).items()))
STATE = hashlib.sha256(SOURCES.encode()).hexdigest()[:12]
WORK = ROOT / ".forge" / "mutation" / STATE
REVIEWED = ROOT / "tests" / "mutation"
CHUNK = 250  # mutants in one build
ASKED = 300, 30  # in one question whether they compile: in bodies, outside of bodies
# Verdicts beside the names of suites: it does not compile, it changes nothing by a rule, tests/contracts let it live,
# all tests do.
COMPILER, RULE, ALIVE, NOBODY = "compiler", "rule", "alive", "nobody"
SEED = "loyalty"


def mutants() -> list[Mutant]:
    """All of them, shuffled."""
    listed = WORK / "mutants.json"
    if not listed.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["forge", "build", "--force", "--build-info", "contracts"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        command = [str(ROOT / ".venv-prove/bin/python"), "scripts/mutation/generate.py"]
        listed.write_text(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    found = [Mutant.read(row) for row in json.loads(listed.read_text())]
    return sorted(found, key=lambda m: hashlib.sha256(f"{SEED}{m.name}".encode()).digest())


class Verdicts:
    """A line for each, written at once; the first line says of which sources they are, and others' do not count."""

    def __init__(self, file: Path, state: str):
        self.file = file
        first, *lines = file.read_text().splitlines() if file.exists() else [""]
        if first != state:
            file.write_text(f"{state}\n")
            lines = []
        self.known = dict(line.split() for line in lines)

    def note(self, mutant: Mutant, by: str) -> None:
        self.known[mutant.name] = by
        with self.file.open("a") as out:
            out.write(f"{mutant.name} {by}\n")

    def forget(self, by: str) -> None:
        self.known = {name: who for name, who in self.known.items() if who != by}

    def tidy(self) -> None:
        first = self.file.read_text().partition("\n")[0]
        self.file.write_text("\n".join([first, *(f"{name} {by}" for name, by in sorted(self.known.items()))]) + "\n")


def parts(mutants: Sequence[Mutant], sizes: tuple[int, int]) -> Iterator[list[Mutant]]:
    """Those in bodies and those outside, apart."""
    for alone, size in zip((False, True), sizes, strict=True):
        these = [mutant for mutant in mutants if stands_alone(mutant) == alone]
        yield from (these[at : at + size] for at in range(0, len(these), size))


def compiling(mutants: Sequence[Mutant], verdicts: Verdicts) -> list[Mutant]:
    """Those that the compiler takes; of the others it is noted."""
    listed = WORK / "compiling.txt"
    names = set(listed.read_text().split()) if listed.exists() else set()
    for part in parts([mutant for mutant in mutants if mutant.name not in names], ASKED):
        good = valid(part)
        names |= {mutant.name for mutant in good}
        listed.write_text("\n".join(sorted(names)))
        for mutant in part:
            if mutant not in good:
                verdicts.note(mutant, COMPILER)
        print(f"{len(good)} of {len(part)} compile", flush=True)
    return [mutant for mutant in mutants if mutant.name in names]


def built(chunk: Sequence[Mutant]) -> Path:
    """The folder of artifacts with them, numbered from 1."""
    work = WORK / f"chunk-{chunk[0].name}"
    build(dict(enumerate(chunk, start=1)), work)
    return work


Judge = Callable[[Mutant, int, Path], str]


def judge(chunk: Sequence[Mutant], work: Path, verdicts: Verdicts, pool: ThreadPoolExecutor, ask: Judge) -> None:
    def one(number: int, mutant: Mutant) -> None:
        began = time.monotonic()
        by = ask(mutant, number, work)
        verdicts.note(mutant, by)
        print(f"{by:16} {time.monotonic() - began:4.0f} s  {mutant.name} {mutant}"[:200], flush=True)

    list(pool.map(one, range(1, len(chunk) + 1), chunk))
    shutil.rmtree(work)
    print(f"{len(verdicts.known)} judged", flush=True)


def judge_all(mutants: Sequence[Mutant], verdicts: Verdicts, threads: int, ask: Judge) -> None:
    """While one chunk is judged the next is built."""
    waiting = list(parts(mutants, (CHUNK, 1)))
    with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(1) as builder:
        coming = [builder.submit(built, chunk) for chunk in waiting[:1]]
        for number, chunk in enumerate(waiting, start=1):
            work = coming.pop().result()
            coming += [builder.submit(built, after) for after in waiting[number : number + 1]]
            judge(chunk, work, verdicts, pool, ask)


def by_units(mutants: Sequence[Mutant], verdicts: Verdicts, threads: int) -> None:
    idle = SimpleQueue[Units]()

    def ask(mutant: Mutant, number: int, work: Path) -> str:
        units = idle.get()
        by = "units" if units.fail(number, work, mutant.file) else ALIVE
        idle.put(units)
        return by

    with ExitStack() as open_:
        for _ in range(threads if mutants else 0):
            idle.put(open_.enter_context(Units()))
        judge_all(mutants, verdicts, threads, ask)


def by_forge(mutants: Sequence[Mutant], verdicts: Verdicts, threads: int) -> None:
    judge_all(mutants, verdicts, threads, lambda mutant, number, work: killer(mutant, number, work) or NOBODY)


# --------------------------------------------------------------------- result


def interval(killed: int, of: int) -> tuple[float, float]:
    """Wilson's, 95 %."""
    z, share = 1.96, killed / of
    middle, width = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - width) / (1 + z * z / of), (middle + width) / (1 + z * z / of)


def report(everything: Sequence[Mutant], verdicts: Verdicts) -> list[str]:
    """Writes the score; what is wrong with the explanations. Of whom forge was not asked yet, it survives so far."""
    by = {mutant: verdicts.known[mutant.name] for mutant in everything if mutant.name in verdicts.known}
    explained: dict[str, dict[str, str]] = yaml.safe_load((REVIEWED / "survivors.yaml").read_text()) or {}
    survivors = {mutant.name: mutant for mutant, who in by.items() if who in (NOBODY, ALIVE)}
    problems = [f"not explained: {name} {mutant}" for name, mutant in survivors.items() if name not in explained]
    waiting = {mutant.name for mutant in everything if mutant not in by}
    problems += [f"explained, but no survivor: {name}" for name in explained if name not in {*survivors, *waiting}]
    killers = Counter(who for who in by.values() if who not in (COMPILER, RULE, NOBODY, ALIVE))
    if killers:
        equivalent = sum(explained.get(name, {}).get("kind") == "equivalent" for name in survivors)
        killed, of = killers.total(), killers.total() + len(survivors) - equivalent
        low, high = interval(killed, of)
        sample = f"; 95 % of such samples: {low:.1%} to {high:.1%}" if waiting else ""
        score = {
            "mutants": len(everything),
            "judged": len(by),
            "do not compile": sum(who == COMPILER for who in by.values()),
            "equivalent by a rule": sum(who == RULE for who in by.values()),
            "killed": dict(killers.most_common()),
            "survived": len(survivors),
            "of them equivalent": equivalent,
            "score": f"{killed} of {of}: {killed / of:.1%}{sample}",
        }
        (REVIEWED / "score.json").write_text(json.dumps(score, indent=2) + "\n")
        print(json.dumps(score, indent=2))
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=sys.maxsize, help="judge a sample of so many")
    parser.add_argument("--again", action="store_true", help="ask again about those that live")
    parser.add_argument("--threads", type=int, default=2, help="tests at a time")
    options = parser.parse_args()
    everything = mutants()
    verdicts = Verdicts(REVIEWED / "verdicts.txt", STATE)
    if options.again:
        verdicts.forget(NOBODY)
        verdicts.forget(ALIVE)
    chosen = everything[: options.first]
    waiting = compiling([mutant for mutant in chosen if mutant.name not in verdicts.known], verdicts)
    for mutant in waiting:
        if why_equivalent(mutant):
            verdicts.note(mutant, RULE)
    by_units([mutant for mutant in waiting if mutant.name not in verdicts.known], verdicts, options.threads)
    by_forge([mutant for mutant in chosen if verdicts.known.get(mutant.name) == ALIVE], verdicts, options.threads)
    verdicts.tidy()
    problems = report(everything, verdicts)
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
