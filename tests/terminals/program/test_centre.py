"""The program against the centre itself: signed lists and time, sales taken back; where the centre has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve
from django.utils import timezone

from citizencard.core.keyservice.keystore import KeyStore
from terminals.program.chores import Chores
from terminals.program.lists import ListStore
from terminals.program.news import SignedNews
from terminals.readers.memory import MemoryTransport
from terminals.services.hotlist import report_loss
from tests.factories import CLERK, NOON
from tests.terminals.chips import loaded_card
from tests.terminals.program.device import Device


def has(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


pytestmark = pytest.mark.django_db


@pytest.mark.skipif(not has("/api/v1/documents/hot_list/0"), reason="this centre signs no documents yet")
def test_signed_lists_of_the_real_centre_are_applied_and_acknowledged(
    install: Callable[..., Device], demo_keys: KeyStore, tmp_path: Path
) -> None:
    present_key = import_module("terminals.services.publishing").present_key
    card, chip = loaded_card(demo_keys, 5_000)
    bus = install("flat", {"fare_fen": 200}, channel="bus", line="K1", line_no="00000001")
    now, said = timezone.now(), list[str]()
    store = ListStore.open(tmp_path / "lists", bytes(present_key(now).public_key))
    news = SignedNews(store)
    bus.terminal.orders = news.held()
    chores = Chores(bus.terminal, bus.client, news, tmp_path, timezone.now, said.append)
    assert bus.terminal.tap(MemoryTransport(chip), when=NOON).reason.code == "no_tariff"

    def live(minutes: int) -> None:
        nonlocal now
        for _ in range(minutes * 6):
            now += timedelta(seconds=10)
            chores.step(now)

    live(1)
    assert said == []
    assert bus.terminal.tap(MemoryTransport(chip), when=NOON).ok
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    live(16)
    later = NOON + timedelta(minutes=20)
    assert bus.terminal.tap(MemoryTransport(chip), when=later).reason.code == "listed"
    assert store.versions()["hot_list"] > 0
    assert bus.terminal.drift is not None
    assert bus.terminal.drift.state == "right"
    assert said == []


@pytest.mark.skipif(not has("/api/v1/reversals"), reason="this centre takes no sales back yet")
def test_the_real_centre_takes_sales_back(install: Callable[..., Device], demo_keys: KeyStore) -> None:
    import_module("terminals.services.online.return_rules").publish_return_policy(
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
