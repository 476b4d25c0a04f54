"""Passes sold at the counter are good at terminals without a line, and the centre takes from them what was ridden."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from accounts.models import Card, Pass, PassUse
from accounts.selectors import invariants as books
from accounts.services.pass_rides import RideTaken, take_rides
from accounts.services.passes import publish_pass_product, sell_pass
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import FareCharge
from terminals.program.result import TapResult
from terminals.readers.memory import MemoryTransport
from terminals.services.pricing import price_day
from terminals.simulator.chip import Chip
from tests.factories import CLERK, NOON
from tests.fixtures_accounts import TODAY
from tests.terminals.chips import loaded_card
from tests.terminals.fare_shelf import document, publish
from tests.terminals.program.device import Device

pytestmark = pytest.mark.django_db
LONG = 30_000
"""Days: what is published is what holds today."""
FARE = 200


class Line:
    """A bus on which two passes are good, and cards to ride it."""

    def __init__(self, install: Callable[..., Device], keys: KeyStore) -> None:
        self.keys, self.bus = keys, install("flat", {"fare_fen": FARE}, channel="bus")
        for code, kind, rides in (("year", "annual", None), ("two", "times", 2)):
            publish_pass_product(
                code=code, name=code, kind=kind, price_fen=301, rides=rides, validity_days=LONG, channels=["bus"],
                operator="BUS", operator_name="BUS", refund="unused", unused="operator", legal_basis="test",
                valid_from=date(2026, 1, 1), actor=CLERK,
            )  # fmt: skip
        tariff = self.bus.terminal.orders.tariff
        free = {"tariffs": [tariff], "pay_percent": 0, "categories": ["year", "two"]}
        publish(
            document("tariff", "other", {"kind": "flat", "rule": {"fare_fen": 1}}),
            document("concession", "pass", free),
        )

    def card(self, *codes: str) -> tuple[Card, Chip]:
        card, chip = loaded_card(self.keys, 5_000)
        for code in codes:
            self.sell(card, code)
        return card, chip

    def sell(self, card: Card, code: str) -> Pass:
        return sell_pass(
            card=card, code=code, starts_on=TODAY, paid_by="cash", number=f"{code}-{card.pk}", actor=CLERK,
            occurred_at=NOON,
        )  # fmt: skip

    def tap(self, chip: Chip, minutes: int = 0) -> TapResult:
        return self.bus.terminal.tap(MemoryTransport(chip), when=NOON + timedelta(minutes=minutes))

    def go_home(self) -> None:
        """The evening: everything comes up, and the day is priced."""
        self.bus.terminal.upload(when=NOON + timedelta(hours=8))
        price_day(day=TODAY)


@pytest.fixture
def line(install: Callable[..., Device], demo_keys: KeyStore) -> Line:
    return Line(install, demo_keys)


def test_passes_are_honoured_offline_and_taken_from_afterwards(line: Line) -> None:
    year, year_chip = line.card("year")
    two, two_chip = line.card("two")
    nobody = line.card()[1]
    line.bus.fetch()
    line.bus.line.down = True
    first = line.tap(year_chip)
    assert (first.fare_fen, first.explained.full_fare_fen, first.explained.rules[-1]) == (0, FARE, "pass")
    assert [line.tap(two_chip, minutes).fare_fen for minutes in (0, 40)] == [0, 0]
    line.bus.restart()
    assert line.tap(two_chip, 80).fare_fen == FARE  # two rides were left, and two were taken here
    assert (line.tap(year_chip, 80).fare_fen, line.tap(nobody).fare_fen) == (0, FARE)
    line.bus.line.down = False
    line.go_home()
    uses = PassUse.objects.order_by("card_pass", "used_at")
    assert [(use.card_pass.card_id, use.fare_fen, use.value_fen) for use in uses] == [
        (year.pk, FARE, 0), (year.pk, FARE, 0), (two.pk, FARE, 151), (two.pk, FARE, 150),
    ]  # fmt: skip
    assert {use.payee.code for use in uses} == {"2202.BUS"}
    assert Pass.objects.get(card=two).state == Pass.State.USED_UP
    assert not FareCharge.objects.filter(given_fen__gt=0).exists()
    assert books.broken() == []
    price_day(day=TODAY)
    assert PassUse.objects.count() == 4
    line.bus.fetch()
    assert line.bus.terminal.orders.passes.by_card.keys() == {year.pan}


def test_a_pass_the_terminal_did_not_know_of_is_made_good(line: Line) -> None:
    card, chip = line.card()
    line.bus.fetch()
    line.sell(card, "year")
    assert line.tap(chip).fare_fen == FARE
    line.go_home()
    charge = FareCharge.objects.get(card_id=card.pk)
    assert (charge.charged_fen, charge.due_fen, charge.given_fen) == (FARE, 0, FARE)
    assert not PassUse.objects.exists()


def test_rides_of_many_cards_take_as_many_statements_as_one_has_rides(
    line: Line, django_assert_num_queries: Any
) -> None:
    cards = [line.card("two")[0] for _ in range(3)]
    payee = Pass.objects.select_related("product").first().product.operator_id  # type: ignore[union-attr]
    rides = [
        RideTaken(card.pk, "bus", payee, FARE, f"ride:{card.pk}-{turn}", NOON + timedelta(minutes=turn))
        for card in cards for turn in range(3)
    ]  # fmt: skip
    assert take_rides(rides=rides, key="k", actor="fares") == 6
    with django_assert_num_queries(3 + 2):
        assert take_rides(rides=rides, key="k", actor="fares") == 0
    assert books.broken() == []
