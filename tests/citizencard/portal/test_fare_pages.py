"""Fares in the portal: anybody calculates, a holder reads why a ride cost what it did."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Card
from accounts.services import citizens
from citizencard.core.calendar import open_business_day
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import FareCharge
from terminals.services.pricing import price_day
from tests.citizencard.city import PASSWORD
from tests.factories import document_number, make_citizen
from tests.fixtures_accounts import TODAY
from tests.terminals.pricing.city import Riding, at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]


@pytest.fixture
def riding(demo_keys: KeyStore) -> Riding:
    open_business_day(TODAY)
    return Riding.found(demo_keys)


def rider(riding: Riding) -> tuple[Card, Client]:
    """A citizen with a card, signed in."""
    document = document_number()
    citizen = make_citizen(document_number=document)
    citizens.create_login(citizen=citizen, password=PASSWORD)
    client = Client()
    client.post("/login/", {"identifier": document, "password": PASSWORD})
    return riding.card(citizen=citizen), client


def test_anybody_calculates_without_signing_in(riding: Riding, client: Client) -> None:
    page = client.get("/fares/").content.decode()
    assert "/api/v1/fares/documents/bus/1" in page
    asked = {
        "tariff": "metro",
        "entry": "metro|0101",
        "leaving": "metro|0103",
        "start": "2026-05-04T08:00",
        "category": "student",
    }
    result = client.get("/fares/quote/", asked).content.decode()
    assert "东海至西湖" in result
    assert "1.50" in result
    for language, words in (("zh-hant", "合計"), ("en", "to pay")):
        client.post("/preferences/", {"language": language, "next": "/fares/"})
        assert words in client.get("/fares/quote/", asked).content.decode()


def test_a_change_of_lines_and_a_stay_are_priced(riding: Riding, client: Client) -> None:
    change = {"tariff": "bus", "start": "2026-05-04T08:00", "after": "metro", "after_minutes": "20"}
    assert "1.00" in client.get("/fares/quote/", change).content.decode()
    stay = {"tariff": "parking", "start": "2026-05-04T08:00", "minutes": "61"}
    assert "10.00" in client.get("/fares/quote/", stay).content.decode()


@pytest.mark.parametrize(
    "asked",
    [{}, {"tariff": "boat"}, {"tariff": "metro"}, {"tariff": "bus", "start": "x"}, {"tariff": "bus", "minutes": "-1"},
     {"tariff": "bus", "start": "0001-01-01T00:00"}, {"tariff": "bus", "kilometres": "NaN"}],
)  # fmt: skip
def test_what_cannot_be_priced_is_said_on_the_page(
    riding: Riding, client: Client, asked: dict[str, str]
) -> None:
    answer = client.get("/fares/quote/", asked)
    assert answer.status_code == 200
    assert 'class="balance-amount"' not in answer.content.decode()


def test_a_holder_reads_why_and_nobody_else_does(riding: Riding) -> None:
    card, client = rider(riding)
    riding.tap("bus1", card, at("08:00"))
    riding.tap("bus2", card, at("08:30"))
    riding.upload()
    price_day(day=TODAY)
    statement = client.get(reverse("portal:statement", args=[card.pk])).content.decode()
    url = reverse("portal:ride", args=[card.pk, TODAY.isoformat(), 2])
    assert url in statement
    page = client.get(url).content.decode()
    assert "60分钟内换乘" in page
    assert "1.00" in page
    _card, other = rider(riding)
    assert other.get(url).status_code == 404
    assert Client().get(url)["Location"].startswith("/login/")
    assert client.get(reverse("portal:ride", args=[card.pk, TODAY.isoformat(), 9])).status_code == 404
    assert client.get(reverse("portal:ride", args=[card.pk, "x", 2])).status_code == 404


def test_every_way_a_ride_may_be_priced_has_words(riding: Riding) -> None:
    card, client = rider(riding)
    riding.tap("bus1", card, at("08:00"))
    riding.tap("back1", card, at("08:00"))
    riding.tap("gate", card, at("10:00"), 0, "in:0101")
    riding.upload()
    price_day(day=TODAY)
    shown = {
        row.how: client.get(
            reverse("portal:ride", args=[card.pk, TODAY.isoformat(), row.atc])
        ).content.decode()
        for row in FareCharge.objects.filter(card_id=card.pk)
    }
    assert "重复刷卡" in shown["double"]
    assert "按最高票价" in shown["held"]


def test_the_statement_asks_once_for_all_its_lines(
    riding: Riding, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    card, client = rider(riding)
    for hour in range(6, 18):
        riding.tap("bus1", card, at(f"{hour:02d}:00"))
    riding.upload()
    price_day(day=TODAY)
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        page = client.get(reverse("portal:statement", args=[card.pk])).content.decode()
    assert page.count("/rides/") == 12
