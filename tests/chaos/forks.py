"""Work in a child process that may be killed at any moment."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable

from tests.chaos.house import disconnect

FAILED = 1
"""Exit code of a child whose work raised something else than that the database is gone."""
CUT_OFF = 3
"""Exit code of a child that lost the database."""


def forked(work: Callable[[], None]) -> int:
    """Do the work in a child and wait for it: 0, an exit code as above, or the negative number of the signal that killed it."""
    return ended(begin(work))


def begin(work: Callable[[], None]) -> int:
    """A child that does the work; its process id."""
    disconnect()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = FAILED
    try:
        code = _tried(work)
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """How a child ended, as `forked` tells it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_self() -> None:
    """Die at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def _tried(work: Callable[[], None]) -> int:
    from django.db import InterfaceError, OperationalError

    try:
        work()
    except (OperationalError, InterfaceError):
        return CUT_OFF
    except BaseException:
        traceback.print_exc()
        return FAILED
    return 0
