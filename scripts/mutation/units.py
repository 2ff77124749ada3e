"""What tests/contracts say of mutants. They are collected once, on a quicker EVM (quick.py); each mutant is a fork.

Reads `number folder of artifacts | test files` lines; writes for each the test that failed, or an empty line.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from pathlib import Path
from typing import IO, Any

import ape
import pytest

from scripts.mutation import quick

OPTIONS = ["-q", "-s", "--tb=no", "-p", "no:warnings"]
for name in ("ape_test", "cacheprovider", "xdist", "schemathesis", "hypothesispytest"):
    OPTIONS += ["-p", f"no:{name}"]


class Server(quick.Plugin):
    def __init__(self, answers: IO[str]):
        super().__init__()
        self.answers = answers
        self.forked = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        run(session.items)
        if session.testsfailed:
            raise SystemExit("the tests fail without any mutant")
        gc.freeze()  # a fork that collects garbage copies all pages
        print("ready", file=self.answers, flush=True)
        for line in sys.stdin:
            number, work, *files = line.split()
            if child := os.fork():
                _, status = os.waitpid(child, 0)
                if status:
                    raise SystemExit(f"{line}: {status}")
            else:
                self.answer(session.items, int(number), Path(work), files)
        return True

    def answer(self, items: list[pytest.Item], number: int, work: Path, files: list[str]) -> None:
        """In the fork; it ends with the first failure."""
        self.forked, self.awake = True, number
        for name in ("LoyaltyToken", "CampaignHub", "LoyaltyBadges"):
            quick.codes[name] = bytes.fromhex(json.loads((work / f"{name}.json").read_text())["bytecode"][2:])
        by_file = {file: [item for item in items if item.nodeid.startswith(f"{file}::")] for file in files}
        run([item for these in by_file.values() for item in these])
        self.end("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.forked and report.failed:
            self.end(report.nodeid)

    def end(self, failed: str) -> None:
        print(failed, file=self.answers, flush=True)
        os._exit(0)


def run(items: list[Any]) -> None:
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    ape.project.load_contracts()
    shutil.rmtree("contracts/.cache", ignore_errors=True)  # Ape's copies of dependencies are no sources of ours
    pytest.main([*OPTIONS, "tests/contracts"], plugins=[Server(answers)])


if __name__ == "__main__":
    main()
