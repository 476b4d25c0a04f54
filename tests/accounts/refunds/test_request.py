"""From the request to the day it is due: the card is blocked, late taps take their part, the days are counted."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from accounts.errors import (
    CardAlreadyHeld,
    CardNotActive,
    IllegalCardTransition,
    IllegalRefundTransition,
    RefundBlocked,
)
from accounts.models import Card, Refund
from accounts.selectors import invariants
from accounts.selectors.refunds import refunds_to_approve
from accounts.services import cards, holds, topup
from accounts.services.refund_waiting import advance_refund, advance_refunds
from accounts.services.refunds import approve_refund, refuse_refund, withdraw_refund
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from terminals.models import HotListEntry
from terminals.services.hotlist import report_loss
from terminals.services.refunds import refuse_card_refund, request_card_refund, withdraw_card_refund
from tests.accounts.refunds import stories
from tests.accounts.refunds.stories import (
    LATER,
    OFFICER,
    ask,
    due,
    fresh,
    named_card,
    purse_fen,
    reserve,
    shown,
    tap,
)
from tests.factories import CLERK, NOON, make_card, make_order
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = Refund.State


def at(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=SHANGHAI)


def test_a_request_blocks_the_card_and_waits_for_late_taps(named: Card) -> None:
    refund = ask(named, payee="acct_1")
    assert (refund.state, refund.due_on, refund.promised_by) == (
        State.COOLING,
        date(2026, 3, 9),
        date(2026, 3, 23),
    )
    assert fresh(named).state == Card.State.REFUNDING
    assert purse_fen(named) == 10_000
    with pytest.raises(CardNotActive):
        make_order(card=fresh(named))
    assert AuditEntry.objects.filter(action="refund.request", subject=f"refund:{refund.number}").exists()


def test_a_matched_chip_need_not_wait(card: Card) -> None:
    assert ask(card, chip=shown(10_000)).state == State.DUE


def test_asking_again_is_the_same_refund_for_ever(card: Card) -> None:
    first = ask(card, chip=shown(10_000))
    assert ask(card, chip=shown(10_000)) == first
    approve_refund(refund=first, actor=OFFICER, occurred_at=NOON)
    assert ask(card, chip=shown(10_000)) == first
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("when", "state"),
    [
        (at(date(2026, 3, 8), 23, 59, 59), State.COOLING),
        (at(date(2026, 3, 9)), State.DUE),
    ],
)
def test_the_waiting_ends_at_midnight_in_shanghai(named: Card, when: datetime, state: str) -> None:
    refund = ask(named)
    advance_refunds(now=when)
    assert Refund.objects.get(pk=refund.pk).state == state


def test_a_request_late_in_the_evening_belongs_to_its_own_day(named: Card) -> None:
    refund = ask(named, occurred_at=at(date(2026, 3, 2), 23, 59, 59))
    assert refund.due_on == date(2026, 3, 9)
    other = ask(named_card(product={"code": "other"}), occurred_at=at(date(2026, 3, 3)))
    assert other.due_on == date(2026, 3, 10)


def test_late_taps_reduce_what_is_paid(card: Card, field: Field) -> None:
    refund = ask(card, chip=shown(9_400, atc=2))
    tap(field, card, 0, 200, occurred_at=NOON - timedelta(hours=3))
    assert advance_refund(refund=refund, now=NOON).state == State.COOLING
    tap(field, card, 1, 400, occurred_at=NOON - timedelta(hours=2))
    arrived = advance_refund(refund=refund, now=NOON + timedelta(days=1))
    assert (arrived.state, arrived.due_on) == (State.DUE, date(2026, 3, 3))
    paid = approve_refund(refund=arrived, actor=OFFICER, occurred_at=LATER)
    assert (paid.balance_fen, paid.payable_fen) == (9_400, 10_400)
    assert list(paid.parts.values_list("method", "amount_fen")) == [("cash", 10_400)]


def test_a_tap_after_the_request_is_suspended_and_reduces_it_too(named: Card, field: Field) -> None:
    refund = request_card_refund(card=named, actor=CLERK, reason="", occurred_at=NOON, payee="acct_1")
    tap(field, named, 0, 500, occurred_at=NOON + timedelta(hours=1))
    assert stories.fen("2241") == 500
    paid = approve_refund(refund=advance_refund(refund=refund, now=LATER), actor=OFFICER, occurred_at=LATER)
    assert paid.payable_fen == 10_500


def test_the_sweeper_moves_each_once(named: Card) -> None:
    refund = ask(named)
    assert [advance_refunds(now=LATER), advance_refunds(now=LATER)] == [1, 0]
    assert list(refunds_to_approve()) == [refund]


def test_what_cannot_go_on_does_not_hold_up_the_others(named: Card, field: Field) -> None:
    """The first turns out tampered, but its holder has another card by now."""
    stuck = ask(named, chip=shown(10_000, atc=1))
    cards.order_card(product=named.product, citizen=named.citizen, actor=CLERK, valid_from=date(2026, 3, 1))
    tap(field, named, 0, 900, occurred_at=NOON - timedelta(hours=1))
    other = ask(named_card(product={"code": "other"}))
    assert advance_refunds(now=LATER) == 1
    assert Refund.objects.get(pk=stuck.pk).state == State.COOLING
    assert Refund.objects.get(pk=other.pk).state == State.DUE


def test_a_top_up_under_way_holds_it_back_until_it_is_settled(named: Card) -> None:
    order = topup.receive_cash(order=make_order(card=named), actor=CLERK)
    refund = ask(named)
    assert (refund.state, refund.due_on) == (State.REQUESTED, None)
    assert advance_refund(refund=refund, now=LATER).state == State.REQUESTED
    topup.reverse_topup(order=order, actor=CLERK, reason="refund")
    again = advance_refund(refund=refund, now=NOON + timedelta(days=2))
    assert (again.state, again.due_on) == (State.COOLING, date(2026, 3, 9))


def test_a_hold_holds_it_back_until_it_ends(named: Card) -> None:
    stories.pay_online(named, 5_000)
    hold = reserve(named, 2_000)
    refund = ask(named)
    assert refund.state == State.REQUESTED
    holds.release(hold=hold, occurred_at=NOON)
    assert advance_refund(refund=refund, now=LATER).state == State.DUE


@pytest.mark.parametrize(
    ("policy", "chip", "blocker"),
    [
        ({"redeemable": False}, None, "not_redeemable"),
        ({"after_months": 3}, None, "not_yet"),
    ],
)
def test_a_request_against_the_rules_leaves_nothing(policy: dict[str, Any], chip: None, blocker: str) -> None:
    card = named_card(**policy)
    with pytest.raises(RefundBlocked) as refused:
        ask(card, chip=chip)
    assert refused.value.data["blocker"] == blocker
    assert refused.value.data["legal_basis"] == "办法 §1"
    assert fresh(card).state == Card.State.ACTIVE
    assert not Refund.objects.exists()


def test_an_account_number_is_no_payee(named: Card) -> None:
    with pytest.raises(InvalidField):
        ask(named, payee="6222021234567890123")


@pytest.mark.parametrize("state", [Card.State.ISSUED, Card.State.ACTIVE, Card.State.LOST])
@pytest.mark.parametrize("end", [withdraw_refund, refuse_refund])
def test_the_card_is_what_it_was_when_nothing_comes_of_it(state: str, end: Any, named: Card) -> None:
    card = make_card(product=named.product, citizen=stories.make_citizen(), state=state)
    refund = ask(card)
    ended = end(refund=refund, actor=OFFICER, reason="changed my mind", occurred_at=NOON)
    assert fresh(card).state == state
    assert (ended.payable_fen, ended.decision_reason) == (None, "changed my mind")
    with pytest.raises(IllegalRefundTransition):
        end(refund=refund, actor=OFFICER, reason="again", occurred_at=NOON)
    assert ask(card) != refund


def test_a_refusal_needs_a_reason(named: Card) -> None:
    with pytest.raises(InvalidField):
        refuse_refund(refund=ask(named), actor=OFFICER, reason="", occurred_at=NOON)


def test_the_holder_of_a_new_card_does_not_get_the_old_one_back(named: Card) -> None:
    refund = ask(named)
    cards.order_card(product=named.product, citizen=named.citizen, actor=CLERK, valid_from=date(2026, 3, 1))
    with pytest.raises(CardAlreadyHeld):
        withdraw_refund(refund=refund, actor=CLERK, reason="", occurred_at=NOON)


def test_a_card_whose_refund_waits_is_not_closed_beside_it() -> None:
    card = named_card(0)
    ask(card)
    with pytest.raises(IllegalCardTransition):
        cards.close_card(card=card, actor=CLERK, reason="", occurred_at=NOON)


def listed() -> list[str]:
    return list(HotListEntry.objects.filter(removed_at=None).values_list("pan", flat=True))


class TestHotList:
    def test_the_card_is_listed_while_its_refund_waits(self, named: Card) -> None:
        refund = request_card_refund(card=named, actor=CLERK, reason="", occurred_at=NOON)
        assert listed() == [named.pan]
        withdraw_card_refund(refund=refund, actor=CLERK, reason="", occurred_at=NOON)
        assert listed() == []
        again = request_card_refund(card=named, actor=CLERK, reason="", occurred_at=NOON)
        refuse_card_refund(refund=again, actor=OFFICER, reason="no", occurred_at=NOON)
        assert listed() == []
        assert HotListEntry.objects.count() == 2

    def test_a_refunded_card_stays_listed(self, named: Card) -> None:
        request_card_refund(card=named, actor=CLERK, reason="", occurred_at=NOON, payee="acct_1")
        approve_refund(refund=due(named), actor=OFFICER, occurred_at=LATER)
        assert listed() == [named.pan]

    def test_a_lost_card_stays_listed_when_its_refund_is_withdrawn(self, named: Card) -> None:
        entry = report_loss(card=named, actor=CLERK, reason="lost", occurred_at=NOON)
        refund = request_card_refund(card=fresh(named), actor=CLERK, reason="", occurred_at=NOON)
        withdraw_card_refund(refund=refund, actor=CLERK, reason="", occurred_at=NOON)
        assert HotListEntry.objects.get(removed_at=None) == entry


def test_the_books_stay_right(named: Card, field: Field) -> None:
    ask(named)
    tap(field, named, 0)
    assert invariants.broken() == []
