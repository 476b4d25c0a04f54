"""Tie the life of a child process to its parent's, so that even a killed parent leaves nothing behind."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
"""``prctl(2)``: the signal the kernel sends to this process when the thread that started it ends."""


_ONLY_FOR_PARENT = '[ "$PPID" = "$0" ] && exec "$@"'
"""A parent that dies before the kernel was asked sends no signal: the child has another parent by then, and ends."""


@functools.cache
def _setpriv() -> str | None:
    """Return the path of a ``setpriv`` that knows ``--pdeathsig`` (util-linux 2.33), or None."""
    path = shutil.which("setpriv")
    if path is None:
        return None
    trial = subprocess.run([path, "--pdeathsig", "TERM", "true"], capture_output=True, check=False)
    return path if trial.returncode == 0 else None


def tied_to_parent(command: Sequence[str], when_parent_dies: signal.Signals = signal.SIGTERM) -> list[str]:
    """Return ``command`` wrapped so that the kernel signals it when the starting thread ends.

    The thread, not the process, counts (``prctl(2)``): start children from a thread that lives as long as they may.
    The command runs for a child of this process only.
    Where the kernel has no such thing (macOS) the command comes back unchanged.
    """
    setpriv = _setpriv()
    if setpriv is None:
        return list(command)
    signal_name = when_parent_dies.name.removeprefix("SIG")
    return [
        setpriv,
        "--pdeathsig",
        signal_name,
        "--",
        "sh",
        "-c",
        _ONLY_FOR_PARENT,
        str(os.getpid()),
        *command,
    ]


def die_with_parent(when_parent_dies: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send this process ``when_parent_dies`` as soon as its parent is gone (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(when_parent_dies), 0, 0, 0)
