"""The demo's hall has cards in stock, each on a chip that a reader can be given."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import CardProduct, StockLevel
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.demo.city import City
from citizencard.demo.hall import stock_hall
from citizencard.demo.hardware import ChipFactory
from terminals.readers.memory import MemoryTransport
from terminals.services.issuing import card_lying_there
from tests.fixtures_core import DEMO_KEYS, PROJECT


@pytest.mark.django_db
def test_the_hall_is_stocked_once(key_service: KeyServiceClient, tmp_path: Path) -> None:
    city = City.read(PROJECT / "fixtures" / "city.json", tmp_path)
    for product in city.plan["products"]:
        CardProduct.objects.create(**product)
    factory = ChipFactory(DEMO_KEYS, tmp_path)
    for _ in range(2):
        stock_hall(city, factory)
    levels = dict(StockLevel.objects.filter(place__kind="hall").values_list("product", "count"))
    assert levels == city.plan["hall_stock"]
    for folder in tmp_path.glob("3104*"):
        card = card_lying_there(MemoryTransport(factory.card(folder.name)))
        assert (card.pan, card.citizen) == (folder.name, None)
