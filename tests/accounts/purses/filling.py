"""What the tests of purses share."""

from __future__ import annotations

import itertools

from accounts.models import Chart, Purse, Transfer
from accounts.services.ledger import Leg, open_account, post_journal
from tests.factories import NOON

_fillings = itertools.count(1)


def fill(purse: Purse, amount_fen: int) -> None:
    """Value into a purse by a posting of its own, where the way it got there does not matter."""
    running = next(_fillings)
    cash = open_account(chart=Chart.COUNTER_CASH)
    leg = Leg(cash.pk, purse.account_id, amount_fen, Transfer.Kind.CARD_SALE, -running, NOON)
    post_journal(key=f"test-purse:{running}", kind="test", actor="test", source="test", legs=[leg])


def fresh(purse: Purse) -> Purse:
    return Purse.objects.get(pk=purse.pk)
