"""However records are split over uploads, reordered and repeated, the same taps, transfers and balances come out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, LedgerAccount, Purse, Transfer
from terminals.models import Tap
from terminals.selectors.completeness import completeness
from terminals.selectors.invariants import broken
from terminals.services.acceptance import accept_batch, accept_tap
from terminals.services.hotlist import report_loss
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.factories import NOON, fill_purse, make_card
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
RECORDS = 8


class _Undo(Exception):
    pass


def books() -> tuple[object, ...]:
    """Everything that money hangs on, without the ids and times of the posting."""
    taps = sorted(Tap.objects.values_list("card_id", "atc", "terminal_seq", "amount_fen", "outcome"))
    code = dict(LedgerAccount.objects.values_list("id", "code"))
    by_tap = dict(Tap.objects.values_list("id", "terminal_seq"))
    transfers = sorted(
        (by_tap[source], kind, code[debit], code[credit], amount)
        for source, kind, debit, credit, amount in Transfer.objects.filter(kind__in=(10, 11, 12)).values_list(
            "source_id", "kind", "debit_id", "credit_id", "amount_fen"
        )
    )
    return taps, transfers, sorted(Purse.objects.values_list("card_id", "balance_fen"))


@pytest.fixture
def records(field: Field, card: Card) -> list[TapRecord]:
    """Purchases of two cards, one of them hot-listed half way."""
    other = make_card()
    fill_purse(other, 5_000)
    taps = [
        field.tap(who, atc, 100 * atc, occurred_at=NOON + timedelta(minutes=atc))
        for atc in range(1, RECORDS // 2 + 1)
        for who in (card, other)
    ]
    report_loss(card=other, actor="clerk", reason="lost", occurred_at=NOON + timedelta(minutes=3))
    return taps


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    uploads=st.lists(st.lists(st.integers(0, RECORDS - 1), min_size=1, max_size=10), max_size=5),
    online=st.lists(st.integers(0, RECORDS - 1), max_size=4),
    order=st.permutations(range(RECORDS)),
)
def test_any_split_gives_the_same_books(
    field: Field, records: list[TapRecord], uploads: list[list[int]], online: list[int], order: list[int]
) -> None:
    expected = outcome_of(field, records, [list(range(RECORDS))], [])
    assert outcome_of(field, records, [*uploads, list(order)], online) == expected


def outcome_of(
    field: Field, records: list[TapRecord], uploads: list[list[int]], online: list[int]
) -> tuple[object, ...]:
    """The books after these uploads; undone again."""
    found: tuple[object, ...] = ()
    try:
        with transaction.atomic():
            for index in online:
                accept_tap(terminal=field.terminal, body=records[index].to_json().encode())
            for number, chosen in enumerate(uploads):
                body = build_batch(f"B{number}", [records[index] for index in chosen])
                accept_batch(terminal=field.terminal, body=body)
            found = books()
            assert broken() == []
            assert completeness().complete
            raise _Undo
    except _Undo:
        return found
