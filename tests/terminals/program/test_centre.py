"""The program against the centre itself: signed lists and time, sales taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from citizencard.core.keyservice.keystore import KeyStore
from terminals.program.chores import Chores
from terminals.program.marks import Marks
from terminals.program.news import News
from terminals.readers.memory import MemoryTransport
from terminals.services.hotlist import report_loss
from terminals.services.online.return_rules import publish_return_policy
from terminals.services.publishing import present_key
from tests.factories import CLERK, NOON
from tests.terminals.chips import loaded_card
from tests.terminals.fare_shelf import document, publish
from tests.terminals.program.device import Device

pytestmark = pytest.mark.django_db


class House:
    """A bus that keeps house by the centre's own documents."""

    def __init__(self, bus: Device, folder: Path) -> None:
        self.now, self.bus, self.said = timezone.now(), bus, list[str]()
        news = News.open(folder, bytes(present_key(self.now).public_key))
        self.store = news.store
        bus.terminal.orders = news.held()
        self.chores = Chores(bus.terminal, bus.client, news, folder, timezone.now, self.said.append)

    def live(self, minutes: int) -> None:
        for _ in range(minutes * 6):
            self.now += timedelta(seconds=10)
            self.chores.step(self.now)
        assert self.said == []


def test_signed_lists_of_the_real_centre_are_applied_and_acknowledged(
    install: Callable[..., Device], demo_keys: KeyStore, tmp_path: Path
) -> None:
    card, chip = loaded_card(demo_keys, 5_000)
    bus = install("flat", {"fare_fen": 200}, channel="bus", line="K1", line_no="00000001")
    house = House(bus, tmp_path)
    assert bus.terminal.tap(MemoryTransport(chip), when=NOON).reason.code == "no_tariff"
    house.live(1)
    assert bus.terminal.tap(MemoryTransport(chip), when=NOON).ok
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    house.live(16)
    later = NOON + timedelta(minutes=20)
    assert bus.terminal.tap(MemoryTransport(chip), when=later).reason.code == "listed"
    assert house.store.versions()["hot_list"] > 0
    assert bus.terminal.drift is not None
    assert bus.terminal.drift.state == "right"


def test_fares_published_at_the_centre_are_what_a_tap_costs(
    install: Callable[..., Device], demo_keys: KeyStore, tmp_path: Path
) -> None:
    student = Marks(categories={1: "student"})
    bus = install("flat", {"fare_fen": 200}, channel="bus", line="K1", line_no="00000001", marks=student)
    code = bus.terminal.orders.tariff
    other = document("tariff", "other", {"kind": "flat", "rule": {"fare_fen": 900}})
    half = {"tariffs": [code], "pay_percent": 75, "categories": ["student"]}
    change = {
        "from_tariffs": ["other"], "to_tariffs": [code], "within_minutes": 60, "same_line": False, "off_fen": 100,
    }  # fmt: skip
    elsewhere = {"tariffs": ["other"], "pay_percent": 0, "categories": ["student"]}
    publish(
        other, document("concession", "half", half), document("transfer", "change", change),
        document("concession", "free", elsewhere),
    )  # fmt: skip
    house = House(bus, tmp_path)
    house.live(1)
    known = {item.id for item in bus.terminal.orders.book.documents}
    assert known == {code, "other", "half", "change"}
    result = bus.terminal.tap(MemoryTransport(loaded_card(demo_keys, 5_000)[1]), when=NOON)
    assert (result.fare_fen, result.explained.full_fare_fen, result.explained.rules) == (
        150,
        200,
        (code, "half"),
    )


def test_the_real_centre_takes_sales_back(install: Callable[..., Device], demo_keys: KeyStore) -> None:
    publish_return_policy(
        channel="bus",
        valid_from=date(2026, 1, 1),
        cancel=True,
        refund_days=10_000,
        legal_basis="test",
        actor="clerk",
    )
    shop = install("entered", {"max_fen": 100_000}, channel="shop")
    sequences = []
    for minutes, amount_fen in ((0, 500), (5, 300)):
        _, chip = loaded_card(demo_keys, 5_000)
        when = NOON + timedelta(minutes=minutes)
        record = shop.terminal.tap(MemoryTransport(chip), when=when, amount_fen=amount_fen).record
        assert record is not None
        sequences.append(record.terminal_seq)
    when = NOON + timedelta(hours=1)
    cancelled = shop.terminal.cancel(sequences[0], when=when)
    refunded = shop.terminal.refund(sequences[1], 200, when=when)
    more = shop.terminal.refund(sequences[1], 200, when=when)
    again = shop.terminal.cancel(sequences[0], when=when)
    codes = [result.reason.code for result in (cancelled, refunded, more, again)]
    assert codes == ["reversed", "refunded", "given_back", "reversed"]
    assert (cancelled.centre, refunded.centre, refunded.fare_fen) == ("reversed", "refunded", -200)
