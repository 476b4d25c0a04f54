"""A statement shows every use, and the balance moves with the purse only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Purse
from citizencard.core.keyservice.keystore import KeyStore
from terminals.models import Tap
from terminals.readers.memory import MemoryTransport
from terminals.selectors.statement import card_statement
from terminals.services.acceptance import accept_batch
from terminals.services.counter import load_chip
from terminals.services.hotlist import report_loss
from terminals.wire.batch import build_batch
from tests.factories import NOON
from tests.terminals.chips import COUNTER_NO, PIN, issued_card, paid_order
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


def test_the_running_balance_is_the_purse(field: Field, demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    order = paid_order(card, 1_000)
    load_chip(order=order, transport=MemoryTransport(chip), terminal_no=COUNTER_NO, when=NOON, pin=PIN)
    report_loss(card=card, actor="clerk", reason="lost", occurred_at=NOON + timedelta(minutes=30))
    taps = [
        field.tap(card, atc, amount_fen, occurred_at=NOON + timedelta(minutes=atc))
        for atc, amount_fen in ((1, 300), (2, 5_000), (40, 200), (41, 900))
    ]
    conflict = field.tap(card, 1, 50, occurred_at=NOON + timedelta(minutes=50))
    accept_batch(terminal=field.terminal, body=build_batch("B1", [*taps, conflict]))
    lines = [(line.amount_fen, line.balance_fen, line.outcome) for line in card_statement(card=card)]
    assert lines == [
        (-50, 500, Tap.Outcome.COUNTER_CONFLICT),
        (-900, 500, Tap.Outcome.HOT_LISTED),
        (-200, 500, Tap.Outcome.HOT_LISTED),
        (-5_000, 700, Tap.Outcome.OVER_BALANCE),
        (-300, 700, Tap.Outcome.ACCEPTED),
        (1_000, 1_000, None),
    ]
    assert Purse.objects.get(card=card).balance_fen == 500
