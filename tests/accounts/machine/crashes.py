"""Crashes: the process dies at the n-th statement that it sends to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


class Crash(Exception):
    """The process is gone."""


@contextmanager
def crash_at(statement: int | None) -> Iterator[None]:
    """Die before the given statement (counted from 0) or never; the statement that follows a death works again."""
    left = statement

    def die(execute: Callable[..., Any], sql: str, *call: Any) -> Any:
        nonlocal left
        # Who dies while taking something back has taken it back: the database does that.
        if left is not None and not sql.startswith("ROLLBACK"):
            left -= 1
            if left < 0:
                left = None
                raise Crash
        return execute(sql, *call)

    with connection.execute_wrapper(die):
        yield
