"""A small process supervisor: starts services in order, starts again what dies, stops all in reverse.

All services are started by one thread that lives as long as the supervisor, because the kernel ties a child to the
*thread* that started it (``PR_SET_PDEATHSIG``): whatever kills this process, its children end with it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from citizencard.embedded.errors import EmbeddedError

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.25
BACKOFF_SECONDS_MIN = 1.0
BACKOFF_SECONDS_MAX = 30.0
STEADY_SECONDS = 60.0
"""A service that has run this long is healthy again: its next restart waits the minimum."""


class Service(Protocol):
    """What a supervisor can look after."""

    name: str

    @property
    def pid(self) -> int | None:
        """Process id while the service runs, else None."""

    def launch(self, stopping: threading.Event) -> None:
        """Start and wait until ready, or give up when ``stopping`` is set; raise :class:`EmbeddedError` on failure."""

    def stop(self) -> None:
        """Stop, if running, with everything the service has started."""

    def last_words(self) -> str:
        """Say how the service ended."""


@dataclass
class _Watched:
    service: Service
    launched_at: float
    backoff_seconds: float
    relaunch_at: float | None = None


class Supervisor:
    """Looks after services until :meth:`stop`. ``report`` receives one line per event, for the console.

    What dies is started again after ``backoff_seconds``; the pause doubles with each failure up to half a minute.
    """

    def __init__(
        self,
        report: Callable[[str], None] = logger.warning,
        *,
        backoff_seconds: float = BACKOFF_SECONDS_MIN,
    ) -> None:
        self._report = report
        self._backoff_seconds = backoff_seconds
        self._watched: list[_Watched] = []
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._ended = False
        self._keeper = threading.Thread(target=self._keep, name="supervisor", daemon=True)
        self._keeper.start()

    def start(self, service: Service) -> None:
        """Launch ``service`` after those started before, and keep it running. Raises :class:`EmbeddedError`."""
        self._in_keeper(lambda: self._launch(service))

    def stop(self) -> None:
        """Stop all services, last started first. A second call does nothing."""
        self._stopping.set()
        if self._keeper.is_alive():
            self._in_keeper(self._stop_all)
            self._keeper.join()

    def pids(self) -> dict[str, int]:
        """Return the process id of every running service by name."""
        return {w.service.name: w.service.pid for w in list(self._watched) if w.service.pid is not None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _in_keeper(self, job: Callable[[], None]) -> None:
        done: Future[None] = Future()

        def run() -> None:
            try:
                job()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._jobs.put(run)
        done.result()

    def _keep(self) -> None:
        while not self._ended:
            try:
                job = self._jobs.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                for watched in self._watched:
                    self._check(watched)
            else:
                job()

    def _launch(self, service: Service) -> None:
        try:
            service.launch(self._stopping)
        except BaseException:
            service.stop()
            raise
        self._watched.append(_Watched(service, time.monotonic(), self._backoff_seconds))

    def _check(self, watched: _Watched) -> None:
        service, now = watched.service, time.monotonic()
        if self._stopping.is_set() or service.pid is not None:
            return
        if watched.relaunch_at is None:
            if now - watched.launched_at > STEADY_SECONDS:
                watched.backoff_seconds = self._backoff_seconds
            self._plan_relaunch(watched, service.last_words())
        elif now >= watched.relaunch_at:
            self._relaunch(watched)

    def _plan_relaunch(self, watched: _Watched, reason: str) -> None:
        wait = watched.backoff_seconds
        self._report(f"{watched.service.name} has stopped ({reason}); starting it again in {wait:.0f} s")
        watched.relaunch_at = time.monotonic() + wait
        watched.backoff_seconds = min(2 * wait, BACKOFF_SECONDS_MAX)

    def _relaunch(self, watched: _Watched) -> None:
        watched.launched_at, watched.relaunch_at = time.monotonic(), None
        try:
            watched.service.launch(self._stopping)
        except EmbeddedError as error:
            watched.service.stop()
            self._plan_relaunch(watched, str(error))
        else:
            self._report(f"{watched.service.name} runs again (pid {watched.service.pid})")

    def _stop_all(self) -> None:
        self._ended = True
        for watched in reversed(self._watched):
            watched.service.stop()
        self._watched.clear()
