"""Keeps key bytes out of core dumps, swap and other processes' reach, as far as the machine allows."""

from __future__ import annotations

import ctypes
import logging
import resource
import sys
from typing import Final

logger = logging.getLogger(__name__)

_PR_SET_DUMPABLE: Final = 4
_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4


def harden_process() -> None:
    """No core files, no reading of our memory by other processes of the same user, no swapping where permitted."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _harden_memory()


def _harden_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        logger.warning(
            "memory stays readable for this user's other processes (prctl errno %d)", ctypes.get_errno()
        )
    _, limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    # Under a finite limit, locking future pages would make later allocations fail: lock what is there now.
    future = _MCL_FUTURE if limit == resource.RLIM_INFINITY else 0
    if libc.mlockall(_MCL_CURRENT | _MCL_ONFAULT | future):
        logger.info("memory is not locked against swapping (mlockall errno %d)", ctypes.get_errno())
