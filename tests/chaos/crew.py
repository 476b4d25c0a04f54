"""Celery workers and beats as processes that may be killed at any moment and are replaced, on one machine or on several hosts."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.db import connection

from citizencard.celery import app
from citizencard.embedded.broker import transport_options
from settlement import tasks
from tests.chaos.forks import begin
from tests.chaos.hosts import Host
from tests.chaos.house import children, disconnect, runs

POOL: Final = 2
BEAT_SECONDS: Final = 1.0
MOMENT_S: Final = (0.3, 1.5)


@dataclass
class Crew:
    """Who is on duty. `broker` is Celery's URL; `alone`: nobody calls others to help; `early`, the control: messages are
    acknowledged before they are worked off.
    """

    broker: str
    log: Path
    alone: bool = False
    early: bool = False
    duties: list[tuple[Host, Callable[[Path], None]]] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    killed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("child", "group", "beat"), 0))

    def send(self, host: Host, duty: Callable[[Path], None]) -> None:
        """Let somebody do the duty on that host from now on."""
        self.duties.append((host, duty))
        self.pids.append(self._begin(host, duty))

    def replace(self) -> None:
        """Whoever has died is replaced."""
        for at, (host, duty) in enumerate(self.duties):
            if not runs(self.pids[at]):
                _reap(self.pids[at])
                self.pids[at] = self._begin(host, duty)

    def kill(self) -> None:
        """SIGKILL to a beat, to a worker with all its processes, or to one process of its pool."""
        at = random.randrange(len(self.pids))
        pid, (_, duty) = self.pids[at], self.duties[at]
        pool = children(pid)
        if duty is beat:
            self._strike("beat", lambda: os.killpg(pid, signal.SIGKILL))
        # Without an event loop (RabbitMQ has one) a pool reads under one lock, which dies with the child that holds it.
        elif pool and not self.broker.startswith("pgmq") and random.random() < 1 / 2:
            self._strike("child", lambda: os.kill(random.choice(pool), signal.SIGKILL))
        else:
            self._strike("group", lambda: os.killpg(pid, signal.SIGKILL))

    def dismiss(self) -> None:
        """All go home, at once."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _reap(pid)

    def _strike(self, whom: str, blow: Callable[[], None]) -> None:
        with contextlib.suppress(ProcessLookupError):
            blow()
            self.killed[whom] += 1

    def _begin(self, host: Host, duty: Callable[[Path], None]) -> int:
        return begin(lambda: self._live(host, duty))

    def _live(self, host: Host, duty: Callable[[Path], None]) -> None:
        os.setsid()
        log = os.open(self.log / f"{duty.__name__}.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        host.enter()
        use_broker(self.broker)
        if self.early:
            for task in app.tasks.values():  # they have read the settings already
                task.acks_late = False
        if self.alone:
            tasks._HELPERS_MAX = 0  # type: ignore[misc]
        duty(self.log)


def use_broker(url: str) -> None:
    """Celery's messages travel by this broker, in this process and those it begins."""
    os.environ["CELERY_BROKER_URL"] = url
    app.conf.broker_url = url
    app.conf.broker_transport_options = transport_options(url, connection.settings_dict)


def worker(folder: Path) -> None:
    """A worker with a pool of processes."""
    words = [
        "worker",
        "--concurrency",
        str(POOL),
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    app.worker_main([*words, "--loglevel", "ERROR", "--hostname", f"{os.getpid()}@%h"])


def beat(folder: Path) -> None:
    """A beat that thinks every second is half past midnight."""
    app.conf.beat_schedule = {
        "clear": {"task": "settlement.clear_due_days", "schedule": BEAT_SECONDS, "options": {"expires": 60}},
        "watch": {"task": "settlement.watch_clearing", "schedule": BEAT_SECONDS, "options": {"expires": 60}},
    }
    app.conf.beat_max_loop_interval = BEAT_SECONDS
    app.start(
        ["beat", "--schedule", str(folder / f"beat-{os.getpid()}"), "--pidfile", "", "--loglevel", "ERROR"]
    )


@contextmanager
def on_duty(
    broker: str,
    log: Path,
    *,
    workers: list[Host],
    beats: list[Host],
    alone: bool = False,
    early: bool = False,
) -> Iterator[Crew]:
    """A crew, sent home in the end."""
    disconnect()
    crew = Crew(broker, log, alone, early)
    try:
        for host in workers:
            crew.send(host, worker)
        for host in beats:
            crew.send(host, beat)
        yield crew
    finally:
        crew.dismiss()


def any_moment() -> None:
    """Wait for one."""
    time.sleep(random.uniform(*MOMENT_S))


def disturb(
    crew: Crew, until: Callable[[], bool], *, kills: int, seconds_max: float,
    pause: Callable[[], None] = any_moment, strikes: Callable[[int], None] = lambda number: None,
) -> float:  # fmt: skip
    """Kill somebody after each pause, `kills` times, and wait until all is done or the time is over; the seconds it took.

    `strikes(n)` comes before the n-th kill, for whatever else is to be broken.
    """
    began = time.monotonic()
    for number in range(kills):
        pause()
        if until():
            break
        strikes(number)
        crew.kill()
        time.sleep(0.05)
        crew.replace()
    while not until() and time.monotonic() - began < seconds_max:
        time.sleep(0.2)
        crew.replace()
    return time.monotonic() - began


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
