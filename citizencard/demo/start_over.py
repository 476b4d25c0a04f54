"""Forget the demo city: its database, chips, devices and logs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from citizencard.embedded.errors import AlreadyRunning
from citizencard.embedded.filelock import LockHeld, file_lock

_CITY: Final = ("postgres", "chips", "devices", "log", "media", "static")


def start_over(state_dir: Path) -> None:
    """Remove what the demo keeps in the state directory, and nothing else. Raises AlreadyRunning."""
    if not state_dir.exists():
        return
    try:
        with file_lock(state_dir / "lock"):
            for name in _CITY:
                shutil.rmtree(state_dir / name, ignore_errors=True)
            (state_dir / "wallets.json").unlink(missing_ok=True)
    except LockHeld as held:
        raise AlreadyRunning(
            f"The city is running (pid {held.pid}): stop it before you start over."
        ) from None
