"""What the holder sees under the tracking number, and what the office sees of broken promises."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from accounts.models import Card
from accounts.selectors.refunds import late_refunds, refund_progress
from accounts.services.refund_payout import pay_refund_in_cash
from accounts.services.refunds import approve_refund, withdraw_refund
from citizencard.core.errors import NotFound
from tests.accounts.refunds.stories import LATER, OFFICER, approved, ask, due, shown
from tests.factories import CLERK, NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]


def reached(number: str) -> list[tuple[str, bool]]:
    return [(step.state.value, step.is_reached) for step in refund_progress(number, on=NOON.date()).steps]


def test_a_refund_walks_before_its_holders_eyes(named: Card) -> None:
    refund = ask(named, payee="acct_1")
    rest = [("approved", False), ("paid", False)]
    assert reached(refund.number) == [("requested", True), ("due", False), *rest]
    due(named)
    assert reached(refund.number) == [("requested", True), ("due", True), *rest]
    approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert reached(refund.number)[-2:] == [("approved", True), ("paid", False)]
    progress = refund_progress(refund.number, on=NOON.date())
    assert (progress.payable_fen, progress.due_on) == (11_000, date(2026, 3, 9))
    assert progress.promised_by == date(2026, 3, 23)


def test_the_end_is_shown(card: Card) -> None:
    refund = approved(card, chip=shown(10_000))
    pay_refund_in_cash(refund=refund, actor=CLERK, occurred_at=LATER)
    steps = refund_progress(refund.number, on=NOON.date()).steps
    assert (steps[-1].state, steps[-1].is_reached, steps[-1].at) == ("paid", True, LATER)


def test_a_withdrawn_refund_ends_there(named: Card) -> None:
    refund = withdraw_refund(refund=ask(named), actor=CLERK, reason="keeps it", occurred_at=NOON)
    assert reached(refund.number) == [("requested", True), ("withdrawn", True)]


def test_a_promise_is_broken_from_the_day_after_it(named: Card) -> None:
    refund = ask(named)
    promised = date(2026, 3, 23)
    assert not refund_progress(refund.number, on=promised).is_late
    assert list(late_refunds(promised)) == []
    assert refund_progress(refund.number, on=promised + timedelta(days=1)).is_late
    assert list(late_refunds(promised + timedelta(days=1))) == [refund]
    withdraw_refund(refund=refund, actor=CLERK, reason="", occurred_at=NOON)
    assert list(late_refunds(LATER.date())) == []


def test_numbers_are_not_guessed(named: Card) -> None:
    assert len(ask(named).number) == len("RF20260302") + 12
    with pytest.raises(NotFound):
        refund_progress("RF20260302000000000000", on=NOON.date())
