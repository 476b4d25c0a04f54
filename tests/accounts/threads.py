"""Several things at once, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final

from django.db import connections, transaction

PATIENCE_SECONDS: Final = 0.5
"""How long the one who must wait is watched waiting."""


def in_threads(count: int, work: Callable[[int], Any], *refusals: type[Exception]) -> list[Any]:
    """What `work(n)` returns in `count` threads that start together; a refusal named here is a result too."""
    gate = threading.Barrier(count)

    def run(number: int) -> Any:
        gate.wait(30)
        try:
            return work(number)
        except refusals as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def waits_for(first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """Do `first`, and commit it only when `second`, begun in another thread, has been seen waiting; what that returns."""

    def run() -> Any:
        try:
            return second()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            begun = pool.submit(run)
            wait([begun], PATIENCE_SECONDS)
            assert not begun.done(), "nobody waited"
        return begun.result(30)
