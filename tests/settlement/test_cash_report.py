"""The report of the clerks' cash says the same as their drawers, to the fen."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.services import topup
from accounts.services.drawers import confirm_count, count_drawer
from citizencard.core.calendar import shanghai
from settlement.selectors.reports.cash import cash_report
from settlement.selectors.reports.scope import Scope
from tests.accounts.drawers.till import FLOAT_FEN, make_drawer, pieces_of
from tests.factories import make_card, make_order
from tests.fixtures_accounts import TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


def test_what_a_clerk_hands_over_is_what_was_counted_above_the_float() -> None:
    card = make_card()  # by a clerk who has no drawer yet
    drawers = {clerk: make_drawer(clerk) for clerk in ("anna", "bo")}
    for clerk, amount_fen in (("anna", 3_000), ("anna", 4_000), ("bo", 5_000)):
        topup.receive_cash(order=make_order(card=card, amount_fen=amount_fen), actor=clerk)
    back = topup.receive_cash(order=make_order(card=card, amount_fen=1_000), actor="clerk")
    topup.reverse_topup(order=back, actor="bo", reason="")
    count = count_drawer(session=drawers["anna"], pieces=pieces_of(FLOAT_FEN + 6_990), actor="anna")
    confirm_count(count=count, checker="supervisor")

    report = cash_report(Scope(TODAY, shanghai(timezone.now()).date()))
    whole, clerks, told, _kiosks = report.sections
    shown = [row[:2] + row[4:] for row in told.rows]
    name = drawers["anna"].hall.name
    assert shown == [
        (f"anna #{drawers['anna'].pk}", name, FLOAT_FEN, 7_000, 0, FLOAT_FEN + 7_000, FLOAT_FEN + 6_990, -10),
        (f"bo #{drawers['bo'].pk}", name, FLOAT_FEN, 5_000, 1_000, FLOAT_FEN + 4_000, None, None),
    ]
    handed_over = {row[0]: row[4] for row in clerks.rows}
    assert handed_over["anna"] == count.counted_fen - FLOAT_FEN
    assert handed_over["bo"] == drawers["bo"].moved_fen
    assert whole.rows[0][3] == sum(handed_over.values())
