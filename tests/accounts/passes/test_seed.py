"""The demo city sells passes as Quanzhou does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from accounts.selectors.passes import passes_on_sale
from citizencard.demo.city import City

FIXTURE = Path(__file__).resolve().parents[3] / "fixtures" / "city.json"


@pytest.mark.django_db
def test_the_city_has_its_passes(tmp_path: Path) -> None:
    city = City.read(FIXTURE, tmp_path)
    for _ in range(2):
        city.found()
    on_sale = {item.code: item for item in passes_on_sale(date(2026, 3, 2))}
    assert {code: item.price_fen for code, item in on_sale.items()} == {
        "bus-fifty": 9_000,
        "bus-month": 10_000,
        "park-year": 12_000,
        "student-month": 7_500,
    }
    assert on_sale["student-month"].concession
    assert on_sale["bus-month"].operator.code == "2204.bus"
    assert not list(passes_on_sale(date(2025, 12, 31)))
