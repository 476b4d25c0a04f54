"""The state directory: who may use it, and how to begin anew."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from citizencard.embedded import postgres_data
from citizencard.embedded.errors import AlreadyRunning, EmbeddedError
from citizencard.embedded.filelock import LockHeld, file_lock

LOCK = "lock"
DATABASE = "postgres"


@contextlib.contextmanager
def exclusive(state_dir: Path) -> Iterator[None]:
    """Hold ``state_dir`` for this process alone, creating it (0700) when needed.

    Raises :class:`AlreadyRunning` naming the process that has it, :class:`EmbeddedError` when it is another user's.
    """
    with contextlib.ExitStack() as held:
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError
            held.enter_context(file_lock(state_dir / LOCK))
        except LockHeld as taken:
            raise AlreadyRunning(
                f"citizencard is already running on {state_dir} (pid {taken.pid}): stop it first."
            ) from None
        except PermissionError:
            raise EmbeddedError(
                f"{state_dir} belongs to another user: start as that user, or set CITIZENCARD_STATE to a folder"
                " of your own."
            ) from None
        yield


def start_over(state_dir: Path) -> None:
    """Remove everything in ``state_dir``: database, cards, logs. Raises :class:`EmbeddedError` while it is in use.

    A folder that was never a state directory is left alone: CITIZENCARD_STATE may point anywhere by mistake.
    """
    if not (state_dir / LOCK).exists() and not (state_dir / DATABASE).exists():
        return
    with exclusive(state_dir):
        postgres_data.release_stale_lock(state_dir.resolve() / DATABASE)
        for entry in state_dir.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
