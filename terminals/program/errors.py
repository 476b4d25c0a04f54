"""Errors of the terminal program, beside those of card, fares and wire."""

from __future__ import annotations

from typing import Any

from terminals.card.errors import CardError


class JournalError(CardError):
    """The journal cannot be used: damaged in the middle, or another program holds it."""


class CentreUnavailable(CardError):
    """The centre cannot be reached or asks to come back later; nothing was changed, the journal keeps everything."""


class CentreRefused(CardError):
    """The centre refused a request for good. `problem` is its answer (RFC 9457)."""

    def __init__(self, problem: dict[str, Any]) -> None:
        """Say what the centre says."""
        self.problem = problem
        self.status = problem.get("status")
        self.code = str(problem.get("code", "refused"))
        super().__init__(f"{problem.get('detail', 'refused by the centre')} ({self.code})")
