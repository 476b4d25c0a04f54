"""Small cities: wishes, plans and runs."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from citizencard.demo.city import City
from citizencard.simulator.faults import parse_faults
from citizencard.simulator.plan import Plan, draw_plan
from citizencard.simulator.run import Run
from citizencard.simulator.wishes import Wish

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
FIRST = date(2026, 3, 2)
"""A Monday."""


class Nobody:
    """Nobody waits for a test."""

    def stage(self, words: str) -> None:
        """Not heard."""

    def advance(self, records: int) -> None:
        """Not seen."""


def wish(
    *, citizens: int = 20, days: int = 3, seed: int = 7, taps: int | None = None, faults: str = "all"
) -> Wish:
    """A small one."""
    return Wish.of(citizens=citizens, days=days, seed=seed, taps=taps, faults=parse_faults(faults))


def draw(*, first: date = FIRST, **wished: Any) -> Plan:
    """The plan of a small wish."""
    return draw_plan(wish(**wished), first, tariffs())


def make(devices: Path, *, chips: bool = False, first: date = FIRST, **wished: Any) -> Run:
    """A run of a small wish in a new city."""
    city = City.read(FIXTURES / "city.json", devices)
    return Run(city, FIXTURES / "demo_keys.json", wish(**wished), first, Nobody(), chips)


@cache
def tariffs() -> dict[str, Any]:
    """The demo city's, by code."""
    content = json.loads((FIXTURES / "city.json").read_text("utf-8"))
    return {tariff["code"]: tariff for tariff in content["tariffs"]}
