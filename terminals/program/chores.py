"""What a terminal does between taps: uploads, news, heartbeats, events, totals, the clock. Nothing here ever raises for a bad line.

Each job has its time. One that fails is tried again later and later, up to its own interval, each time drawn at random; while
somebody is about to tap, nothing is begun.
"""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from terminals.card.errors import CardError
from terminals.program.client import CentreClient
from terminals.program.clock import Drift
from terminals.program.config import Schedule
from terminals.program.errors import CentreRefused, CentreUnavailable
from terminals.program.news import ListRefused, News
from terminals.program.standing import EVENTS_AT_ONCE
from terminals.program.terminal import Terminal
from terminals.program.upload import JUDGED
from terminals.wire.errors import WireError

FIRST_PAUSE: Final = timedelta(seconds=10)
FIRMWARE: Final = "citizencard 1"
SUSPENDED: Final = "suspended"


@dataclass
class Job:
    """Something done every so often; `run` says whether there was anything to do, or raises."""

    run: Callable[[datetime], bool]
    every: timedelta
    due: datetime
    failures: int = 0

    def done(self, now: datetime, chance: random.Random) -> None:
        """It went well."""
        self.failures, self.due = 0, now + self.every * chance.uniform(0.9, 1)

    def failed(self, now: datetime, chance: random.Random) -> None:
        """It did not."""
        longest = min(FIRST_PAUSE * 2 ** min(self.failures, 16), self.every)
        self.failures, self.due = self.failures + 1, now + longest * chance.uniform(0.5, 1)


@dataclass
class Chores:
    """`say` gets one sentence for whoever looks after the device; `state` is the folder whose disk's room is told."""

    terminal: Terminal
    client: CentreClient
    news: News
    state: Path
    own_clock: Callable[[], datetime]
    say: Callable[[str], None]
    schedule: Schedule = field(default_factory=Schedule)
    chance: random.Random = field(default_factory=random.SystemRandom)
    jobs: dict[str, Job] = field(default_factory=dict)

    def begin(self, now: datetime) -> None:
        """Where nothing is held yet, ask before the first card comes; without an answer cards are refused as they must be."""
        if not self.terminal.orders.tariff:
            self._do("lists", self._jobs(now)["lists"], now)

    def step(self, now: datetime) -> bool:
        """Do one thing that is due, or nothing; whether something was done and went well."""
        sender, rhythm = self.terminal.uploader, self.terminal.orders.rhythm
        if sender is not None and sender.step(now, timedelta(seconds=rhythm.upload_s or 0)):
            return True
        if sender is not None and sender.gives_way(now):
            return False
        name, job = min(self._jobs(now).items(), key=lambda item: item[1].due)
        return job.due <= now and self._do(name, job, now)

    def _do(self, name: str, job: Job, now: datetime) -> bool:
        try:
            busy = job.run(now)
        except (CentreUnavailable, CentreRefused, CardError, WireError, OSError) as error:
            if not job.failures:
                self.say(f"{name}: {error}")
            job.failed(now, self.chance)
            return False
        job.every = self.terminal.orders.rhythm.every(name, getattr(self.schedule, name))
        job.done(now, self.chance)
        return busy

    def _jobs(self, now: datetime) -> dict[str, Job]:
        if not self.jobs:
            every = self.schedule
            self.jobs = {
                "lists": Job(self._fetch, every.lists, now),
                "clock": Job(self._measure, every.clock, now),
                "heartbeat": Job(self._beat, every.heartbeat, now),
                "events": Job(self._tell, every.events, now),
                "totals": Job(self._settle, every.totals, now),
            }
        return self.jobs

    def _fetch(self, now: datetime) -> bool:
        try:
            orders = self.news.fetch(self.client, now)
        except ListRefused as refused:
            self._apply(refused)
            raise
        with self.terminal.lock:
            self.terminal.orders = orders
        return True

    def _apply(self, refused: ListRefused) -> None:
        with self.terminal.lock:
            self.terminal.orders = refused.orders

    def _measure(self, _now: datetime) -> bool:
        drift = self.news.drift(self.client, self.own_clock)
        if drift is not None:
            self._set_drift(drift)
        return drift is not None

    def _beat(self, now: datetime) -> bool:
        versions = self.news.versions()
        answer = self.client.heartbeat(self._told(now, versions))
        with self.terminal.lock, contextlib.suppress(OSError):
            self.terminal.memory.suspend(answer["state"] == SUSPENDED)
        if answer.get("hot_list_version", 0) > versions.get("hot_list", 0):
            self.jobs["lists"].due = min(self.jobs["lists"].due, now)
        if self.terminal.drift is None and type(answer.get("drift_ms")) is int:
            self._set_drift(Drift(timedelta(milliseconds=-answer["drift_ms"])))
        return True

    def _told(self, now: datetime, versions: dict[str, int]) -> dict[str, Any]:
        return {
            "clock": now.astimezone(UTC).isoformat(timespec="seconds"),
            "firmware": FIRMWARE,
            "sam_key_version": self.terminal.sam_key_index,
            "parameter_version": str(versions.get("parameters", 0)),
            "tariff_version": str(versions.get("tariffs", 0)),
            "hot_list_version": versions.get("hot_list", 0),
            "free_bytes": shutil.disk_usage(self.state).free,
            "waiting_records": self.terminal.memory.state.unsent,
        }

    def _tell(self, _now: datetime) -> bool:
        with self.terminal.lock:
            waiting = list(self.terminal.memory.state.standing.events.values())[:EVENTS_AT_ONCE]
        if waiting:
            self.client.post_events(waiting)
            with self.terminal.lock:
                self.terminal.memory.mark_events_told(event["number"] for event in waiting)
        return self.terminal.code_rides.tell() or bool(waiting)

    def _settle(self, now: datetime) -> bool:
        with self.terminal.lock:
            waiting = self.terminal.memory.settle(now)
            terminal_no = self.terminal.memory.state.standing.terminal_no
        for total in waiting:
            try:
                self.client.post_total({"terminal_no": terminal_no, **total})
            except CentreRefused as refusal:
                if refusal.status not in JUDGED:
                    raise
                self.say(f"total of {total['business_date']}: {refusal}")
            with self.terminal.lock:
                self.terminal.memory.mark_total_told(total["from_seq"])
        return bool(waiting)

    def _set_drift(self, drift: Drift) -> None:
        before = self.terminal.drift.state if self.terminal.drift else "right"
        self.terminal.drift = drift
        if drift.state != before:
            self.say(f"clock: {drift.state}, the centre's shows {drift.ahead.total_seconds():+.0f} s")
