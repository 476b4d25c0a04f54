"""Scenes of the cash drawer, see `scenes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from accounts.models import CounterReversal, DrawerEntry
from accounts.services import topup
from accounts.services.counter_reversals import approve_reversal, propose_reversal
from accounts.services.drawers import confirm_count, count_drawer
from tests.accounts.drawers.till import make_drawer, pieces_of
from tests.factories import CLERK, make_card, make_order, make_product

Event = Callable[[], object]


def drawer_difference(stage: Any) -> Iterator[Event]:
    for over_fen in (500, -500):
        drawer = make_drawer()
        make_card()
        counted = pieces_of(drawer.float_fen + drawer.moved_fen + over_fen)
        count = count_drawer(session=drawer, pieces=counted, actor=CLERK)
        yield partial(confirm_count, count=count, checker="supervisor")


def topup_taken_back(stage: Any) -> Iterator[Event]:
    make_drawer()
    card = make_card(product=make_product(account_limit_fen=100_000))
    topup.receive_cash(order=make_order(card=card, purse_kind="account"), actor=CLERK)
    yield partial(approve_reversal, reversal=asked(DrawerEntry.objects.latest("pk")), checker="supervisor")


def sale_reversed(stage: Any) -> Iterator[Event]:
    make_drawer()
    make_card(product=make_product(code="sold", deposit_fen=0))
    yield partial(approve_reversal, reversal=asked(DrawerEntry.objects.latest("pk")), checker="supervisor")


def asked(entry: DrawerEntry) -> CounterReversal:
    return propose_reversal(entry=entry, actor=CLERK, reason="wrong card")


SCENES = (drawer_difference, topup_taken_back, sale_reversed)
