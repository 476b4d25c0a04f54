"""Tariff versions by date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from terminals.models import Tariff

LATE_DAYS: Final = 90
"""How long after a ride its terminal may still need the tariff of that day."""
_TOLD: Final = ("code", "name", "kind", "rule", "legal_basis")


def tariff_versions(*, code: str, today: date) -> list[Tariff]:
    """Oldest first: the version in force `LATE_DAYS` ago and every one after it, those to come included."""
    versions = list(Tariff.objects.filter(code=code).order_by("valid_from"))
    bygone = [version for version in versions if version.valid_from <= today - timedelta(days=LATE_DAYS)]
    return versions[max(len(bygone) - 1, 0) :]


def published_tariffs(*, code: str, today: date) -> list[dict[str, Any]]:
    """The versions a terminal needs, as it is told them: in the answer of /terminal and in the signed document."""
    return [
        {name: getattr(version, name) for name in _TOLD} | {"valid_from": version.valid_from.isoformat()}
        for version in tariff_versions(code=code, today=today)
    ]
