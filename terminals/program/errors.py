"""Errors of the terminal program, beside those of card, fares and wire."""

from __future__ import annotations

from typing import Any

from terminals.card.errors import CardError


class JournalError(CardError):
    """The journal cannot be used: damaged in the middle, or another program holds it."""


class ConfigError(CardError):
    """The terminal's configuration cannot be used. `field` is what is wrong, `rule` what it breaks."""

    def __init__(self, field: str, rule: str) -> None:
        """Say both."""
        self.field = field
        self.rule = rule
        super().__init__(f"{field}: {rule}")


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
