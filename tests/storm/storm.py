"""A storm: traffic as planned, trouble as planned, then fair weather; everything must settle and add up by itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from gateway.chain import local
from gateway.chain.errors import ChainError
from gateway.chain.hexes import to_hex
from gateway.core.db import Database
from tests.storm import own, under_way, weeks
from tests.storm import plan as plans
from tests.storm.actors import Actor, Customer, Stage, Till
from tests.storm.fleet import answers
from tests.storm.office import Moods, Office
from tests.storm.own import Independent
from tests.storm.plan import GATEWAYS, KEYS, WORKERS, Plan, Step
from tests.storm.proxy import FAIR, ROUGH
from tests.storm.site import Site
from tests.support import forks

GWEI = 10**9
#: Seconds, at most, until everything has settled: what was put off in the storm waits about as long as it lasted.
PATIENCE, PATIENCE_FOR_EACH = 300.0, 1.5
TICK = 0.05
#: Seconds after which holders look whether their own doing holds up their orders.
HOLDERS_WAIT = 20.0


class StormFailed(AssertionError):
    """Something did not settle or does not add up; the text says what."""


@dataclass
class Process:
    """A worker or a gateway, and when it is to be started (again)."""

    name: str
    run: Callable[[], None]
    port: int = 0
    start_at: float = 0.0
    #: What is wrong with its next start: a clock, a place to die.
    env: dict[str, str] = field(default_factory=dict)
    #: Whether something is wrong with it as it runs.
    odd: bool = False


class Storm:
    """One storm on one database. `say` gets a line for everything that happens."""

    def __init__(self, plan: Plan, site: Site, say: Callable[[str], None]) -> None:
        self.plan, self.site, self.say = plan, site, say
        self.town, self.node, self.proxy, self.quota = site.town, site.node, site.proxy, site.quota
        self.book, self.hooks = site.book, site.hooks
        self.fleet = site.town.fleet
        self.database = Database(self.fleet.database_url)
        self.workers = [Process(f"worker {n}", forks.worker) for n in range(WORKERS)]
        self.gateways = [Process(f"gateway {n}", forks.gateway, port) for n, port in enumerate(site.ports)]
        self.stage = Stage(site.town, site.book, [f"http://127.0.0.1:{port}" for port in site.ports])
        tills = [Till(f"{plan.seed}-till{n}", self.stage, steps, n % 2) for n, steps in enumerate(plan.tills)]
        holders = [Customer(f"holder{n}", self.stage, steps, n) for n, steps in enumerate(plan.holders)]
        self.offices = [
            Office(f"{plan.seed}-office{n}", self.stage, steps, n, site.hooks) for n, steps in enumerate(plan.offices)
        ]
        independent = [
            Independent(f"independent{n}", self.stage, steps, site.purses[: len(plan.independent)], n)
            for n, steps in enumerate(plan.independent)
        ]
        self.moods = Moods("moods", self.stage, plan.moods, site.hooks)
        self.actors: list[Actor] = [*tills, *holders, *self.offices, *independent, self.moods]
        #: Messages that were asked for again, and when.
        self.asked_again: dict[int, float] = {}
        #: What ends by itself: when, what it is, how to end it.
        self.ends: list[tuple[float, str, Callable[[], None]]] = []
        self.node_up = True
        self.deaths: Counter[str] = Counter()

    # ------------------------------------------------------------------- running

    def run(self) -> str:
        """The whole storm; a summary. StormFailed when not all is well in the end."""
        self.proxy.begin(self.plan.seed)
        self._tick()
        self.fleet.until(self._answering, "both gateways answer")
        self.stage.began = time.monotonic()
        for actor in self.actors:
            actor.start()
        try:
            self._blow()
            self._calm()
            settled = self._settle()
        finally:
            self.stage.over.set()
            self.stage.given_up.set()
            for actor in self.actors:
                actor.join()
            self.database.dispose()
        return self._summary(settled)

    def _answering(self) -> bool:
        return all(answers(process.port) for process in self.gateways)

    @property
    def now(self) -> float:
        return time.monotonic() - self.stage.began

    def _blow(self) -> None:
        for step in self.plan.troubles:
            while self.now < step.at:
                self._tick()
                time.sleep(TICK)
            self._tick()
            came = getattr(self, f"_{step.what.replace('-', '_')}")(step)
            self.say(f"{self.now:6.1f} {step}: {came}")
        while self.now < self.plan.seconds:
            self._tick()
            time.sleep(TICK)

    def _tick(self) -> None:
        """Ends what is over and starts what is due; whoever died comes back, as under any supervisor."""
        for end in sorted(self.ends, key=lambda end: end[0]):
            if end[0] <= self.now:
                self.ends.remove(end)
                end[2]()
        for process in (*self.workers, *self.gateways):
            running = self.fleet.forks.get(process.name)
            if running is not None and (code := running.poll()) is None:
                continue
            if running is not None and process.start_at <= 0:
                self.deaths[f"{process.name.split()[0]} ended with {code}"] += 1
                process.start_at = self.now + 0.5
            if self.now >= process.start_at:
                self._start(process)

    def _start(self, process: Process) -> None:
        quota = {"FORK_QUOTA": str(self.fleet.folder / "full"), "FORK_PORT": str(process.port)}
        self.fleet.fork(process.name, process.run, {}, **quota, **process.env)
        process.env, process.start_at, process.odd = {}, 0.0, bool(process.env)

    def _later(self, seconds: float, what: str, end: Callable[[], None]) -> None:
        """Ends something in so many seconds; another of the same kind under way is prolonged."""
        self.ends = [each for each in self.ends if each[1] != what]
        self.ends.append((self.now + seconds, what, end))

    # ------------------------------------------------------------------ troubles

    def _kill(self, process: Process, after: float, **env: str) -> str:
        if process.name in self.fleet.forks:
            self.fleet.forks[process.name].kill()
        process.start_at, process.env = self.now + after, env
        return process.name

    def _kill_worker(self, step: Step) -> str:
        return self._kill(self.workers[step.dice % WORKERS], 3 * step.size)

    def _kill_gateway(self, step: Step) -> str:
        return self._kill(self.gateways[step.dice % GATEWAYS], 3 * step.size)

    def _crash_worker(self, step: Step) -> str:
        place = plans.PLACES[step.dice // WORKERS % len(plans.PLACES)]
        at = f"{place}:{1 + int(step.size * 2)}"
        return f"{self._kill(self.workers[step.dice % WORKERS], 0, LOYALTY_CRASH_AT=at)} at {at}"

    def _pause_worker(self, step: Step) -> str:
        process = self.fleet.forks.get(self.workers[step.dice % WORKERS].name)
        if process is None or process.poll() is not None:
            return "is not running"
        process.pause()

        def go_on() -> None:
            with suppress(ProcessLookupError):
                process.go_on()

        self._later(1 + 9 * step.size, f"pause of {process.pid}", go_on)
        return f"for {1 + 9 * step.size:.1f} s"

    def _skew(self, step: Step) -> str:
        process = [*self.workers, *self.gateways][step.dice % (WORKERS + GATEWAYS)]
        seconds = int(40 * step.size) - 20
        return f"{self._kill(process, 0, FORK_SKEW=str(seconds))} by {seconds} s"

    def _weather(self, step: Step) -> str:
        before = Counter(self.proxy.done)
        self.proxy.weather = ROUGH.scaled(0.3 + 2 * (step.dice % 100) / 100)

        def clear() -> None:
            self.proxy.weather = FAIR

        self._later(1 + 5 * step.size, "weather", clear)
        return f"for {1 + 5 * step.size:.1f} s, so far {before.total()} faults"

    def _reorg(self, step: Step) -> str:
        return self._reorganise(step, forget=False)

    def _rollback(self, step: Step) -> str:
        return self._reorganise(step, forget=True)

    def _reorganise(self, step: Step, forget: bool) -> str:
        if not self.node_up:
            return "the node is down"
        depth = 1 + step.dice % 2 if step.size < 0.5 else 2 + int((step.size - 0.5) * 2 * 14)
        with self.fleet.heart.between_beats():
            return self.node.reorganise(depth, forget)

    def _node_killed(self, step: Step) -> str:
        return self._node_down(step, kill=True)

    def _node_stopped(self, step: Step) -> str:
        return self._node_down(step, kill=False)

    def _node_down(self, step: Step, kill: bool) -> str:
        if not self.node_up:
            return "is down already"
        head = self.node.head()
        self.node.down(kill)
        self.node_up = False

        def come_back() -> None:
            self.node.up()
            self.node_up = True
            self.say(f"{self.now:6.1f} the node is back at block {self.node.head()} of {head}")

        self._later(4 * step.size, "node", come_back)
        return f"for {4 * step.size:.1f} s"

    def _base_fee(self, step: Step) -> str:
        gwei = 2 + int(step.size**2 * 300)
        return self._at_node(
            lambda: self.node.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI)), f"{gwei}"
        )

    def _no_gas(self, step: Step) -> str:
        key = self.fleet.relayers[step.dice % KEYS]
        self._later(1 + 4 * step.size, to_hex(key), lambda: self._fund(key))
        return self._at_node(lambda: local.fund_gas(self.fleet.rpc, key, 10**12), f"key {step.dice % KEYS}")

    def _fund(self, key: bytes) -> None:
        if self._at_node(lambda: local.fund_gas(self.fleet.rpc, key), "") == "the node is down":
            self._later(1, to_hex(key), lambda: self._fund(key))

    def _at_node(self, do: Callable[[], object], what: str) -> str:
        try:
            do()
        except (ChainError, httpx.HTTPError, RuntimeError):
            return "the node is down"
        return what

    def _no_blocks(self, step: Step) -> str:
        self.fleet.heart.hush()
        self._later(1 + 5 * step.size, "blocks", self.fleet.heart.beat)
        return f"for {1 + 5 * step.size:.1f} s"

    def _disk_full(self, step: Step) -> str:
        self.quota.fill(True)
        self._later(0.5 + 3 * step.size, "disk", lambda: self.quota.fill(False))
        return f"for {0.5 + 3 * step.size:.1f} s"

    # ------------------------------------------------------------------- the end

    def _calm(self) -> None:
        """Fair weather: whatever is under way ends, every process runs with a clock that is right. Those that ran well
        go on: what they put off in the storm, they must come back to by themselves."""
        for _, _, end in sorted(self.ends, key=lambda end: end[0]):
            end()
        self.ends.clear()
        self.proxy.weather = FAIR
        for key in self.fleet.relayers:
            self._fund(key)
        for process in (*self.workers, *self.gateways):
            if process.odd or self.fleet.forks[process.name].poll() is not None:
                self._kill(process, 0)
        self._tick()
        self.say(f"{self.now:6.1f} fair weather")

    def _settle(self) -> float:
        """Waits until all actors have their answers and nothing is under way; the seconds that it took."""
        began = self.now
        deadline = began + PATIENCE + PATIENCE_FOR_EACH * self.plan.seconds
        self.stage.over.set()
        self.moods.join()  # or a last step that came late, on a busy machine, leaves the servers failing for ever
        self.hooks.mood = "well"
        self._wait(deadline)
        for actor in self.actors:
            if actor.failure is not None:
                raise StormFailed(f"{actor.name} failed: {actor.failure!r}") from actor.failure
        settled = self.now - began
        self._look_again()
        self._wait(deadline)
        self._reckon()
        return settled

    def _wait(self, deadline: float) -> None:
        quiet, waiting = 0, under_way.look(self.database)
        lose_patience = self.now + HOLDERS_WAIT
        while quiet < 3:
            self._tick()
            time.sleep(0.5)
            self._send_again()
            if self.now > lose_patience:
                lose_patience = self.now + 5
                for purse in self.site.purses:
                    purse.give_up(self.database)
            busy = [actor.name for actor in self.actors if actor.is_alive()]
            if waiting != (waiting := under_way.look(self.database)):
                self.say(f"{self.now:6.1f} under way: {waiting}")
            quiet = 0 if busy or waiting else quiet + 1
            if self.now > deadline and not quiet:
                raise StormFailed(f"not settled: {waiting}, without answer: {busy}")

    def _send_again(self) -> None:
        """Messages that failed more than once wait for minutes: their merchants ask for them."""
        by_merchant = {office.merchant.id: office for office in self.offices}
        for merchant, delivery in under_way.far_messages(self.database, int(time.time())):
            if self.now > self.asked_again.get(delivery, 0.0):
                self.asked_again[delivery] = self.now + 10
                by_merchant[merchant].send_again(delivery)

    def _look_again(self) -> None:
        """Everybody looks at what came of it, and codes are used."""
        for actor in self.actors:
            if isinstance(actor, Customer):
                actor.look_again()
        for actor in self.actors:
            if isinstance(actor, Till):
                actor._use(Step(0, "use", 0, 0))
        for office in self.offices:
            office.close()
            office._figures(Step(0, "figures", 0, 0))

    def _reckon(self) -> None:
        """Audit, book, merchants and logs must agree."""
        report = self.fleet.audit()
        # Who was delivered to, and voids the order when a reorganisation beyond the confirmations has taken its payment
        # back, has the code for nothing: the book sees whether it was so.
        wrong = [str(difference) for difference in report.differences if difference.code != "redemption-flagged"]
        wrong += [] if report.solvent else ["not solvent"]
        seen = own.look(self.town, self.site.purses)
        wrong += self.book.differences(self.town, self.database, seen)
        wrong += self.site.mistakes.found(self.fleet.logs.values())
        wrong += weeks.differences(self.town, self.database, self.book)
        wrong += self.hooks.differences(self.town, self.database, self.book, seen.books)
        if self.book.refusals["internal-error"]:
            wrong.append(f"{self.book.refusals['internal-error']} answers were internal errors")
        if wrong:
            raise StormFailed("\n".join(wrong[:40]))

    def _summary(self, settled: float) -> str:
        book = self.book
        done = sum(order.answer["state"] == "done" for order in book.moves.values())
        return (
            f"{sum(actor.done for actor in self.actors)} deeds: {book.awarded.total()} hundredths accepted,"
            f" {book.refunded.total()} refunded, {done} of {len(book.moves)} moves done,"
            f" {len(book.codes)} of {len(book.redemptions)} codes delivered, {len(book.used)} used,"
            f" {len(book.badges)} badges, {sum(map(len, book.weeks))} weeks told of, {len(self.hooks.heard)} webhooks"
            f" heard, {sum(len(purse.hashes) for purse in self.site.purses)} own transactions;"
            f" settled {settled:.0f} s after the storm. Faults of the line: {dict(self.proxy.done)}."
            f" Ended by themselves: {dict(self.deaths)}. Refused: {dict(book.refusals)}"
        )
