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
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from scripts.mutation.build import Mutant, build, stands_alone, valid
from scripts.mutation.judge import killed_by_units, killer
from scripts.planted_faults import ROOT, planted_sources

SOURCES = "".join(text for _, text in sorted(planted_sources(()).items()))
STATE = hashlib.sha256(SOURCES.encode()).hexdigest()[:12]
WORK = ROOT / ".forge" / "mutation" / STATE
REVIEWED = ROOT / "tests" / "mutation"
CHUNK = 60  # mutants in one build
# Verdicts beside the names of suites: it does not compile, forge's tests let it live, all tests do.
COMPILER, ALIVE, NOBODY = "compiler", "alive", "nobody"
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


def chunks(chosen: Sequence[Mutant]) -> Iterator[list[Mutant]]:
    """Always the same, so that a build is found again by whoever goes on with it."""
    many = [mutant for mutant in chosen if not stands_alone(mutant)]
    yield from (many[at : at + CHUNK] for at in range(0, len(many), CHUNK))
    yield from ([mutant] for mutant in chosen if stands_alone(mutant))


def built(chunk: Sequence[Mutant], work: Path, verdicts: Verdicts) -> dict[int, Mutant]:
    """The chunk's mutants that compile, by their numbers in the artifacts in `work`."""
    names = work / "numbers.json"
    if not names.exists():
        good = valid(chunk)
        for mutant in chunk:
            if mutant not in good:
                verdicts.note(mutant, COMPILER)
        if good:
            build(dict(enumerate(good, start=1)), work)
        work.mkdir(parents=True, exist_ok=True)
        names.write_text(json.dumps({mutant.name: number for number, mutant in enumerate(good, start=1)}))
    numbers = json.loads(names.read_text())
    return {numbers[mutant.name]: mutant for mutant in chunk if mutant.name in numbers}


def judge(chunk: Sequence[Mutant], chosen: set[str], verdicts: Verdicts, pool: ThreadPoolExecutor) -> None:
    work = WORK / chunk[0].name
    numbered = {number: mutant for number, mutant in built(chunk, work, verdicts).items() if mutant.name in chosen}

    def one(number: int) -> None:
        began = time.monotonic()
        by = killer(numbered[number], number, work) or ALIVE
        verdicts.note(numbered[number], by)
        print(f"{by:16} {time.monotonic() - began:4.0f} s  {numbered[number]}"[:200], flush=True)

    list(pool.map(one, [number for number, mutant in numbered.items() if mutant.name not in verdicts.known]))
    alive = {number: mutant for number, mutant in numbered.items() if verdicts.known[mutant.name] == ALIVE}
    for number, test in killed_by_units(alive, work) if alive else ():
        verdicts.note(alive[number], "units" if test else NOBODY)
        print(f"{test or 'NOBODY':16}  {alive[number]}"[:200], flush=True)


# --------------------------------------------------------------------- result


def interval(killed: int, of: int) -> tuple[float, float]:
    """Wilson's, 95 %."""
    z, share = 1.96, killed / of
    middle, width = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - width) / (1 + z * z / of), (middle + width) / (1 + z * z / of)


def report(everything: Sequence[Mutant], verdicts: Verdicts) -> list[str]:
    """Writes the score; what is wrong with the explanations."""
    found = {mutant: verdicts.known.get(mutant.name, ALIVE) for mutant in everything}
    by = {mutant: who for mutant, who in found.items() if who != ALIVE}
    explained: dict[str, dict[str, str]] = yaml.safe_load((REVIEWED / "survivors.yaml").read_text()) or {}
    survivors = {mutant.name: mutant for mutant, who in by.items() if who == NOBODY}
    problems = [f"not explained: {name} {mutant}" for name, mutant in survivors.items() if name not in explained]
    waiting = {mutant.name for mutant in everything if mutant not in by}
    problems += [f"explained, but no survivor: {name}" for name in explained if name not in {*survivors, *waiting}]
    tried = [who for who in by.values() if who != COMPILER]
    if tried:
        equivalent = sum(explained.get(name, {}).get("kind") == "equivalent" for name in survivors)
        killed, of = sum(who != NOBODY for who in tried), len(tried) - equivalent
        low, high = interval(killed, of)
        score = {
            "mutants": len(everything),
            "judged": len(by),
            "do not compile": sum(who == COMPILER for who in by.values()),
            "killed": dict(Counter(who for who in tried if who != NOBODY)),
            "survived": len(survivors),
            "of them equivalent": equivalent,
            "score": f"{killed} of {of}: {killed / of:.1%}; 95 % of such samples: {low:.1%} to {high:.1%}",
        }
        (REVIEWED / "score.json").write_text(json.dumps(score, indent=2) + "\n")
        print(json.dumps(score, indent=2))
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=sys.maxsize, help="judge a sample of so many")
    parser.add_argument("--again", action="store_true", help="ask again about those that nobody noticed")
    parser.add_argument("--threads", type=int, default=2, help="tests at a time")
    options = parser.parse_args()
    everything = mutants()
    chosen = {mutant.name for mutant in everything[: options.first]}
    verdicts = Verdicts(REVIEWED / "verdicts.txt", STATE)
    if options.again:
        verdicts.forget(NOBODY)
    with ThreadPoolExecutor(options.threads) as pool:
        for chunk in chunks(everything):
            names = chosen & {mutant.name for mutant in chunk}
            if any(verdicts.known.get(name, ALIVE) == ALIVE for name in names):
                judge(chunk, chosen, verdicts, pool)
                print(f"{len(verdicts.known)} judged of {len(everything)}", flush=True)
    verdicts.tidy()
    problems = report(everything, verdicts)
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
