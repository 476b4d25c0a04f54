"""Everything a process does with the world outside, counted, so that it can die between any two of them.

A step is one exchange with the database (statement, commit, rollback), one call of the payment gateway, one APDU. The
product knows nothing of this: psycopg's way to wait for an answer is wrapped, and so are gateway and reader of the test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper

Answer = TypeVar("Answer")
DATABASE, GATEWAY, CHIP = "database", "gateway", "chip"


@dataclass
class Fate:
    """What happens at the step `at`, counted from 0 over steps of the `kinds`.

    `strike` comes before the step. When `unanswered` it comes after it, and the answer never arrives.
    """

    at: int
    strike: Callable[[], None]
    kinds: tuple[str, ...] = (DATABASE, GATEWAY, CHIP)
    unanswered: bool = False
    seen: int = field(default=0, init=False)

    def step(self, kind: str, work: Callable[[], Answer]) -> Answer:
        """Take a step, unless this is the one."""
        # Connection pools have threads of their own, which come and go as they like.
        if kind not in self.kinds or threading.current_thread() is not threading.main_thread():
            return work()
        fatal, self.seen = self.seen == self.at, self.seen + 1
        if fatal and self.unanswered:
            work()
            self.strike()
            raise psycopg.OperationalError("the server died before it could answer")
        if fatal:
            self.strike()
        return work()


_fates: list[Fate] = []
"""This process's fate, if it has one."""


def step(kind: str, work: Callable[[], Answer]) -> Answer:
    """Take a step with the gateway or a chip."""
    return _fates[0].step(kind, work) if _fates else work()


def await_fate(fate: Fate) -> None:
    """From now on this process has the fate. For children that end soon: there is no way back."""
    _fates.append(fate)
    wait: Callable[..., Any] = psycopg.Connection.wait

    def wait_and_count(connection: Any, *arguments: Any, **options: Any) -> Any:
        return fate.step(DATABASE, lambda: wait(connection, *arguments, **options))

    psycopg.Connection.wait = wait_and_count  # type: ignore[method-assign, assignment]


def abolish_transactions() -> None:
    """Let every statement of this process commit by itself, whatever `atomic` says: the control."""

    def stay(wrapper: Any, autocommit: bool) -> None:
        wrapper.connection.autocommit = True

    def ignore(wrapper: Any, savepoint: str) -> None:
        return

    changed: dict[str, Callable[[Any, Any], None]] = {"_set_autocommit": stay}
    changed |= dict.fromkeys(("_savepoint", "_savepoint_commit", "_savepoint_rollback"), ignore)
    for name, method in changed.items():
        setattr(DatabaseWrapper, name, method)
