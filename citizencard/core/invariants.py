"""A rule that the books must always keep, and what it looks like when one is found broken.

Every layer has its own ``selectors/invariants.py`` with ``broken()``, a list of these. Nothing is
repaired here: a breach is shown, and a person decides (GB/T 31778, settlement differences).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

SHOWN_MAX: Final = 100
"""Breaches shown per rule: enough to see the pattern, few enough to read."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule: its name, the row it was found on, and the two figures that disagree."""

    invariant: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.subject}: {self.detail}"


Check = Callable[[], Sequence[Breach]]


def breaches(queries: Iterable[tuple[str, str]], values: Mapping[str, Any]) -> list[Breach]:
    """What the queries (name and SQL, whose rows are subject and detail) find broken, at most SHOWN_MAX each."""
    found: list[Breach] = []
    with connection.cursor() as cursor:
        for rule, query in queries:
            cursor.execute(f"{query} LIMIT {SHOWN_MAX}", values)
            found += [Breach(rule, str(subject), str(detail)) for subject, detail in cursor.fetchall()]
    return found
