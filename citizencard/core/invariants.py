"""A rule that the books must always keep, and what it looks like when one is found broken.

Every layer has its own ``selectors/invariants.py`` with ``broken()``, a list of these. Nothing is
repaired here: a breach is shown, and a person decides (GB/T 31778, settlement differences).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule: its name, the row it was found on, and the two figures that disagree."""

    invariant: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.subject}: {self.detail}"


Check = Callable[[], Sequence[Breach]]
