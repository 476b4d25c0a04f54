"""Tariff versions by date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from terminals.fares.ceiling import ceiling_fen
from terminals.fares.tariffs import parse_tariff
from terminals.models import Tariff
from terminals.selectors.fares import book_stamp, live_documents

LATE_DAYS: Final = 90
"""How long after a ride its terminal may still need the tariff of that day."""
_TOLD: Final = ("code", "name", "kind", "rule", "legal_basis")


def tariff_versions(*, code: str, today: date) -> list[Tariff]:
    """Oldest first: the version in force `LATE_DAYS` ago and every one after it, those to come included."""
    versions = list(Tariff.objects.filter(code=code).order_by("valid_from"))
    bygone = [version for version in versions if version.valid_from <= today - timedelta(days=LATE_DAYS)]
    return versions[max(len(bygone) - 1, 0) :]


@lru_cache(maxsize=1_000)
def ceiling_of(tariff_id: int) -> int | None:
    """The most a version of a tariff can ask for. It never changes, and a large one takes a while to read."""
    tariff = Tariff.objects.get(pk=tariff_id)
    return ceiling_fen(parse_tariff(tariff.kind, tariff.rule))


def published_tariffs(*, code: str, today: date) -> list[dict[str, Any]]:
    """The versions a terminal needs, as it is told them in the signed document."""
    return [
        {name: getattr(version, name) for name in _TOLD} | {"valid_from": version.valid_from.isoformat()}
        for version in tariff_versions(code=code, today=today)
    ]


def documents_for(*, code: str, today: date) -> tuple[dict[str, Any], ...]:
    """The fare documents a terminal of this tariff prices by, as published: the tariff, every rule that reaches it, and the
    tariffs one may change from. What ended `LATE_DAYS` ago is left out, and who pays for a concession: that is ours to split.

    One query while nothing is published.
    """
    return _documents_for(book_stamp(), code, today - timedelta(days=LATE_DAYS))


@lru_cache(maxsize=512)
def _documents_for(_stamp: str, code: str, since: date) -> tuple[dict[str, Any], ...]:
    live = [row.content for row in live_documents() if row.valid_until is None or row.valid_until >= since]
    rules = [item for item in live if code in _reached(item)]
    wanted = {code}.union(*(rule["body"].get("from_tariffs", ()) for rule in rules))
    tariffs = [item for item in live if item["document"] == "tariff" and item["id"] in wanted]
    return (*tariffs, *rules)


def _reached(item: dict[str, Any]) -> Iterable[str]:
    """The tariffs a rule is for."""
    body = item["body"]
    return (*body.get("tariffs", ()), *body.get("to_tariffs", ()))
