"""Terminals upload at the same time, and some of them the same thing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import Card, Purse
from citizencard.core.calendar import open_business_day
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Batch, Tap
from terminals.selectors.completeness import completeness
from terminals.selectors.invariants import broken
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.factories import fill_purse, make_card
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def at_once(jobs: Sequence[Callable[[], Batch]]) -> list[Batch]:
    """Run all jobs from their own threads, started together; raises what any of them raises."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], Batch]) -> Batch:
        try:
            barrier.wait(60)
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@pytest.fixture
def cards(transactional_db: None) -> list[Card]:
    open_business_day(TODAY)
    cards = [make_card() for _ in range(5)]
    for card in cards:
        fill_purse(card, 10_000)
    return cards


def test_the_same_upload_eight_times_at_once_is_settled_once(cards: list[Card], demo_keys: KeyStore) -> None:
    field = Field.install(demo_keys)
    body = build_batch("B1", [field.tap(card, 1) for card in cards])
    batches = at_once([lambda: accept_batch(terminal=field.terminal, body=body)] * THREADS)
    assert len({batch.pk for batch in batches}) == 1
    assert Tap.objects.count() == len(cards)
    assert broken() == []


def test_the_same_records_under_eight_numbers_at_once_are_paid_once(
    cards: list[Card], demo_keys: KeyStore
) -> None:
    field = Field.install(demo_keys)
    records = [field.tap(card, atc) for atc in (1, 2, 3) for card in cards]
    orders = [records[start:] + records[:start] for start in range(THREADS)]
    bodies = [build_batch(f"B{number}", order) for number, order in enumerate(orders)]
    batches = at_once([lambda body=body: accept_batch(terminal=field.terminal, body=body) for body in bodies])  # type: ignore[misc]
    assert sum(batch.accepted for batch in batches) == len(records)
    assert sum(batch.duplicate for batch in batches) == (THREADS - 1) * len(records)
    assert set(Purse.objects.values_list("balance_fen", flat=True)) == {10_000 - 3 * 200}
    assert completeness().complete
    assert broken() == []


def test_eight_terminals_with_the_same_cards_in_opposite_order_do_not_deadlock(
    cards: list[Card], demo_keys: KeyStore
) -> None:
    fields = [Field.install(demo_keys) for _ in range(THREADS)]
    for number in range(3):
        bodies = []
        for turn, field in enumerate(fields):
            atc = number * THREADS + turn
            records = [field.tap(card, atc) for card in (cards if turn % 2 else reversed(cards))]
            bodies.append((field, build_batch(f"B{number}", records)))
        jobs = [lambda f=field, b=body: accept_batch(terminal=f.terminal, body=b) for field, body in bodies]  # type: ignore[misc]
        assert {batch.accepted for batch in at_once(jobs)} == {len(cards)}
    assert broken() == []
