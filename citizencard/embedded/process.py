"""One child process under supervision: launch it, know when it is ready, stop it and everything it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from citizencard.embedded.errors import ServiceFailed
from citizencard.embedded.lifeline import tied_to_parent

LOG_BYTES_MAX = 10 * 1024 * 1024


@dataclass
class ProcessService:
    """A command run as a service; ``ready`` is asked until it says yes, given what the log says since the launch."""

    name: str
    command: Sequence[str]
    log_path: Path
    ready: Callable[[str], bool] = lambda log: True
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    ready_seconds_max: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds_max: float = 15
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _log_start: int = field(default=0, init=False)

    @property
    def pid(self) -> int | None:
        """Process id while the process runs, else None."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def launch(self, stopping: threading.Event) -> None:
        """Start the process and wait until it is ready, or give up when ``stopping`` is set.

        Raises :class:`ServiceFailed` when it ends before it is ready, or takes too long.
        """
        self._spawn()
        deadline = time.monotonic() + self.ready_seconds_max
        while not self.ready(self._log_tail()):
            if self.pid is None:
                raise ServiceFailed(f"{self.name} ended at once: {self._last_words()} (see {self.log_path})")
            if time.monotonic() > deadline:
                self.stop()
                raise ServiceFailed(
                    f"{self.name} is not ready after {self.ready_seconds_max:.0f} s (see {self.log_path})"
                )
            if stopping.wait(0.05):
                return

    def stop(self) -> None:
        """End the process politely, then by force, with all that it has started in its group."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.stop_signal)
        try:
            process.wait(self.stop_seconds_max)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """Say how the process ended, for the supervisor's report."""
        code = None if self._process is None else self._process.returncode
        return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def _spawn(self) -> None:
        self.stop()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES_MAX:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                tied_to_parent(self.command, signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(self.environment),
                cwd=self.cwd,
                # Its own group: Ctrl-C at the console reaches the supervisor alone, which stops all in order.
                start_new_session=True,
            )

    def _log_tail(self) -> str:
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _last_words(self) -> str:
        lines = self._log_tail().strip().splitlines()
        return lines[-1].strip() if lines else self.last_words()
