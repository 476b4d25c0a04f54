"""Store and forward: what the journal holds goes to the centre in batches, whenever there is a line.

A batch is chosen and numbered in the journal first and sent with the same bytes until the centre has judged it. While the
centre does not answer, the pauses double up to a quarter of an hour; each is drawn at random, so that a fleet does not come
back at the same second. A batch refused for good stays and is asked about again now and then; the ones behind it go on.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from terminals.program.client import CentreClient
from terminals.program.errors import CentreRefused, CentreUnavailable
from terminals.program.memory import TOLD_MAX, Memory
from terminals.wire.batch import build_batch

BATCH_RECORDS: Final = 2_000
"""A body of half a megabyte: a slow line takes it in one breath, and little is sent twice."""
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=15)
REFUSED_PAUSE: Final = timedelta(hours=1)
MISSING: Final = timedelta(hours=1)
"""A card that left in mid-purchase and did not come back for so long is reported as grey."""
QUIET: Final = timedelta(seconds=2)
"""Nothing is begun so soon after a tap: somebody else is about to hold a card there."""
PATIENCE: Final = timedelta(minutes=5)
"""But where cards come without a break, something is sent this often all the same."""
NO_PAUSE: Final = timedelta(0)
JUDGED: Final = (409, 422)
"""Answers about the batch itself; any other refusal is about the terminal or its line, and all batches wait."""


@dataclass
class Uploader:
    """Sends for one terminal. `lock` is held while the journal is written, never while the line is waited for."""

    memory: Memory
    client: CentreClient
    lock: threading.RLock
    chance: random.Random = field(default_factory=random.SystemRandom)
    failures: int = 0
    not_before: datetime | None = None
    _refused: dict[str, tuple[datetime, CentreRefused]] = field(default_factory=dict)
    """Batches refused for good: when to ask again, and what the centre said."""
    _sent_at: datetime | None = None
    _greys_after: datetime | None = None
    _sending: threading.Lock = field(default_factory=threading.Lock)
    """One batch at a time, whoever asks for it."""

    def step(self, now: datetime, every: timedelta = NO_PAUSE) -> bool:
        """Send one batch, if it is time. Whether something was sent and judged; never raises for what a line can do.

        `every` so often, where nothing was broken off and a whole batch is not together yet.
        """
        if self._early(now, every) or (self.not_before and now < self.not_before) or self.gives_way(now):
            return False
        if not self._sending.acquire(blocking=False):
            return False
        try:
            return self._step(now)
        finally:
            self._sending.release()

    def _step(self, now: datetime) -> bool:
        try:
            sent = self._send_next(now) is not None or self._tell_greys(now)
            with self.lock:
                self.memory.tidy(now)
        except (CentreUnavailable, CentreRefused, OSError):
            self._back_off(now)
            return False
        self.failures, self.not_before, self._sent_at = 0, None, now
        return sent

    def drain(self, now: datetime) -> list[dict[str, Any]]:
        """Send everything at once, without regard to pauses; the centre's answers.

        Raises CentreUnavailable (the rest waits), and CentreRefused once everything else is sent; a refused batch stays.
        """
        with self._sending:
            return self._drain(now)

    def _drain(self, now: datetime) -> list[dict[str, Any]]:
        answers, known = [], set(self._refused)
        for number in known:
            self._refused[number] = (now, self._refused[number][1])
        while answer := self._send_next(now):
            answers.append(answer)
        while self._tell_greys(now):
            pass
        for _, refusal in self._refused.values():
            raise refusal
        return answers

    def _send_next(self, now: datetime) -> dict[str, Any] | None:
        """The centre's answer to the next batch it judges; None when none is left to be sent now."""
        while (number := self._next_batch(now)) is not None:
            body = build_batch(number, self.memory.batch_records(number))
            try:
                answer = self.client.post_body(body)
            except CentreRefused as refusal:
                if refusal.status not in JUDGED:
                    raise
                self._refused[number] = (now + REFUSED_PAUSE, refusal)
                continue
            with self.lock:
                self.memory.mark_sent(number)
            self._refused.pop(number, None)
            return answer
        return None

    def _next_batch(self, now: datetime) -> str | None:
        """One broken off or refused long enough ago, else a new one."""
        with self.lock:
            for number in self.memory.state.batches:
                if number not in self._refused or self._refused[number][0] <= now:
                    return number
            return self.memory.begin_batch(now, BATCH_RECORDS)

    def _tell_greys(self, now: datetime) -> bool:
        """Report purchases without proof; whether there were any. A centre that refuses them is asked again later."""
        if self._greys_after and now < self._greys_after:
            return False
        with self.lock:
            self.memory.mark_missing(now - MISSING)
            greys = list(self.memory.state.greys.values())[:TOLD_MAX]
        if not greys:
            return False
        try:
            self.client.post_greys(greys)
        except CentreRefused:
            self._greys_after = now + REFUSED_PAUSE
            return False
        with self.lock:
            self.memory.mark_told(greys)
        return True

    def _early(self, now: datetime, every: timedelta) -> bool:
        state = self.memory.state
        urgent = bool(state.batches) or state.waiting >= BATCH_RECORDS
        return not urgent and self._sent_at is not None and timedelta(0) <= now - self._sent_at < every

    def gives_way(self, now: datetime) -> bool:
        """Whether taps go first now; not for ever."""
        last_tap = self.memory.state.newest
        if last_tap is None or not now - QUIET < last_tap <= now:
            return False
        return self._sent_at is not None and now - self._sent_at < PATIENCE

    def _back_off(self, now: datetime) -> None:
        longest = min(FIRST_PAUSE * 2 ** min(self.failures, 16), LONGEST_PAUSE)
        self.failures += 1
        self.not_before = now + longest * self.chance.uniform(0.5, 1)
