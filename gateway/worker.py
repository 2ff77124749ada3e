"""The background process: turns every periodic wheel of the house until it is asked to stop."""

from __future__ import annotations

import signal
import threading
import time

import structlog

from gateway.bootstrap import House, open_house, refusing
from gateway.core import garbage, logs
from gateway.settings import Settings

log = structlog.get_logger(__name__)

#: Seconds between turns when nothing was done.
IDLE = 0.25
#: Wheels that look for what is seldom due rest so long, in seconds, after a turn that found nothing.
SELDOM = 2.0
SELDOM_DUE = frozenset(
    {
        "campaigns.refresh",
        "earning.resend",
        "earning.lapse",
        "earning.release",
        "earning.forget",
        "earning.recount",
        "boards.forget",
        "statistics.close",
        *(f"{room}.sweep" for room in ("redemptions", "moves", "badges")),
        "offers.uploads",
        "redemptions.wipe",
        "database.log",
    }
)
#: Wheels of which a turn costs nearly the same for little as for somewhat more rest so long after one that did
#: something, but less than so much. Under load a worker made a batch, and some transactions more, of each few actions.
GATHER = 0.15
GATHERING = {"earning.settle": 20, "jobs": 100}
#: Turned, as far as the one before did something, after every wheel that did: a block's events keep the rooms busy for
#: some tenths of a second, and what tills report meanwhile must not miss the next block for that.
HURRIED = ("earning.settle", "relayer")
#: Longest pause of a wheel that keeps failing.
MAX_PAUSE = 30.0


class Worker:
    """Each wheel is a function that does what is due and says how much that was. One that fails pauses alone."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.wheels = house.wheels()
        self.pauses = dict.fromkeys(self.wheels, 0.0)
        self.not_before = dict.fromkeys(self.wheels, 0.0)
        self.stopping = threading.Event()

    def turn(self) -> int:
        """One turn of every wheel, or of those until somebody asks to stop; how much was done."""
        done = 0
        for name in self.wheels:
            did = self._turn_due(name)
            if did and name not in HURRIED:
                did += self._hurry()
            done += did
        return done

    def _hurry(self) -> int:
        done = 0
        for name in HURRIED:
            did = self._turn_due(name)
            if not did:
                break
            done += did
        return done

    def _turn_due(self, name: str) -> int:
        rests = self.stopping.is_set() or name not in self.wheels or time.monotonic() < self.not_before[name]
        return 0 if rests else self._turn(name)

    def _turn(self, name: str) -> int:
        try:
            done = self.wheels[name]()
        except Exception as error:  # one wheel's trouble must not stop the others
            self.pauses[name] = min(MAX_PAUSE, max(0.5, self.pauses[name] * 2))
            self.not_before[name] = time.monotonic() + self.pauses[name]
            log.warning("wheel.failed", wheel=name, error=type(error).__name__, where=logs.where(error))
            return 0
        self.pauses[name] = 0.0
        if not done and name in SELDOM_DUE:
            self.not_before[name] = time.monotonic() + SELDOM
        if 0 < done < GATHERING.get(name, 0):
            self.not_before[name] = time.monotonic() + GATHER
        return done

    def run(self) -> None:
        """Turns until `stop`."""
        while not self.stopping.is_set():
            if self.turn() == 0:
                self.stopping.wait(IDLE)

    def stop(self) -> None:
        """Lets the wheel that turns come to its end, then returns from `run`."""
        self.stopping.set()


def main() -> None:
    """Entry of `python -m gateway.worker`."""
    with refusing():
        settings = Settings()
        logs.configure(settings.log_level)
        worker = Worker(open_house(settings))
    garbage.settle()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: worker.stop())
    log.info("worker.started")
    worker.run()
    worker.house.close()
    log.info("worker.stopped")


if __name__ == "__main__":
    main()
