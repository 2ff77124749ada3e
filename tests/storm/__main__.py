"""`make storm SEED=… MINUTES=…`: one storm on each database; the seed and, on failure, where to look are printed."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.storm import plan
from tests.storm.site import clear, site
from tests.storm.storm import Storm, StormFailed
from tests.support.postgres import postgres_url, server

TAIL = 25


def main() -> int:
    """0 when all storms went well."""
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--minutes", type=float, default=1.0, help="of trouble, on each database")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--storms", type=int, default=1, help="one after the other in one town, of rising seeds")
    parser.add_argument("--verbose", action="store_true", help="say everything that happens as it happens")
    asked = parser.parse_args()
    databases = ["sqlite", "postgresql"] if asked.database == "both" else [asked.database]
    print(f"storm: SEED={asked.seed} MINUTES={asked.minutes}", flush=True)
    seeds = range(asked.seed, asked.seed + asked.storms)
    results = [blow(database, seeds, asked.minutes * 60, asked.verbose) for database in databases]
    return 0 if all(results) else 1


def blow(database: str, seeds: Sequence[int], seconds: float, verbose: bool) -> bool:
    """The storms of these seeds on one database; whether all went well."""
    seed = seeds[0]
    folder = Path(tempfile.mkdtemp(prefix=f"storm-{seed}-{database}-"))
    url = f"sqlite:///{folder / 'loyalty.db'}" if database == "sqlite" else postgres_url()
    diary: list[str] = []

    def say(line: str) -> None:
        diary.append(line)
        if verbose:
            print(line, flush=True)

    try:
        with site(folder, url) as place:
            for seed in seeds:
                say(f"SEED={seed}")
                print(f"{database}, {seed}: {Storm(plan.draw(seed, seconds), place, say).run()}", flush=True)
    except Exception as error:
        text = str(error) if isinstance(error, StormFailed) else traceback.format_exc()
        (folder / "diary").write_text("\n".join(diary))
        print(f"{database}: FAILED, SEED={seed} (storm {seed - seeds[0] + 1} of its town)\n{text}")
        print("the end of what was done:", *diary[-TAIL:], sep="\n")
        print(f"logs and diary: {folder}", flush=True)
        return False
    finally:
        if database == "postgresql":
            server().drop_database(url)
    clear(folder)
    return True


if __name__ == "__main__":
    sys.exit(main())
