"""Several things at once, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections


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
