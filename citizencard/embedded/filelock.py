"""A lock between processes that names its holder and ends with it, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path


class LockHeld(Exception):
    """Another process holds the lock; ``pid`` is its process id, 0 when it has not written it yet."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by pid {pid}")
        self.pid = pid


@contextlib.contextmanager
def file_lock(path: Path, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock ``path`` during the body; raise :class:`LockHeld` when it is still taken after ``wait_seconds``.

    The lock is the kernel's (``flock(2)``): it needs no clean-up after a crash, and the file may stay.
    """
    descriptor = _open_shared(path)
    try:
        _acquire(descriptor, time.monotonic() + wait_seconds)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _open_shared(path: Path) -> int:
    # Without O_CREAT first: in a sticky folder the kernel may refuse it on a file of another user
    # (fs.protected_regular), though the file itself is writable for all.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, 0o666)
        return descriptor


def _acquire(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 20, 0).strip()
                raise LockHeld(int(holder) if holder.isdigit() else 0) from None
            time.sleep(0.05)
