"""Tariff versions by date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from terminals.models import Tariff

LATE_DAYS: Final = 90
"""How long after a ride its terminal may still need the tariff of that day."""


def tariff_versions(*, code: str, today: date) -> list[Tariff]:
    """Oldest first: the version in force `LATE_DAYS` ago and every one after it, those to come included."""
    versions = list(Tariff.objects.filter(code=code).order_by("valid_from"))
    bygone = [version for version in versions if version.valid_from <= today - timedelta(days=LATE_DAYS)]
    return versions[max(len(bygone) - 1, 0) :]
