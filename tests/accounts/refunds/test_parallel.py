"""Two people at once: one approval, one payout, whatever the others do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.errors import IllegalRefundTransition, RefundBlocked
from accounts.models import Card, Journal, Refund
from accounts.selectors import invariants
from accounts.services.refund_payout import confirm_bank_payout, pay_refund_in_cash
from accounts.services.refund_waiting import advance_refund
from accounts.services.refunds import approve_refund, withdraw_refund
from tests.accounts.refunds.stories import LATER, approved, ask, due, fen, named_card, purse_fen, shown, tap
from tests.accounts.threads import in_threads
from tests.factories import CLERK, NOON
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_officers_approve_one_refund(card: Card) -> None:
    refund = due(card, chip=shown(10_000))
    done = in_threads(
        4,
        lambda n: approve_refund(refund=refund, actor=f"officer {n}", occurred_at=LATER),
        IllegalRefundTransition,
    )
    assert sum(isinstance(each, Refund) for each in done) == 1
    assert Journal.objects.filter(kind="refund_owed").count() == 1
    assert (fen("2032"), purse_fen(card)) == (11_000, 0)


def test_two_clerks_request_one_refund(card: Card) -> None:
    asked = in_threads(4, lambda n: ask(card, chip=shown(10_000), actor=f"clerk {n}"))
    assert len({refund.pk for refund in asked}) == 1


def test_an_approval_beside_a_withdrawal(card: Card) -> None:
    refund = due(card, chip=shown(10_000))

    def act(number: int) -> Refund:
        if number:
            return withdraw_refund(refund=refund, actor=CLERK, reason="", occurred_at=NOON)
        return approve_refund(refund=refund, actor="officer", occurred_at=LATER)

    done = in_threads(2, act, IllegalRefundTransition)
    assert sum(isinstance(each, Refund) for each in done) == 1
    owed = 11_000 if Refund.objects.get().state == Refund.State.APPROVED else 0
    assert fen("2032") == owed
    assert invariants.broken() == []


def test_cash_is_handed_out_by_one_clerk(card: Card) -> None:
    refund = approved(card, chip=shown(10_000))
    before = fen("1011")
    in_threads(4, lambda n: pay_refund_in_cash(refund=refund, actor=f"clerk {n}", occurred_at=LATER))
    assert (before - fen("1011"), fen("2032")) == (11_000, 0)


def test_the_banks_file_is_read_twice_at_once(named: Card) -> None:
    refund = approved(named, payee="acct_1")
    (part,) = refund.parts.all()
    in_threads(4, lambda _: confirm_bank_payout(part=part, actor="bank", reference="B-1", occurred_at=LATER))
    assert (fen("1001"), fen("2032")) == (-11_000, 0)


def test_a_late_tap_beside_the_approval(field: Field) -> None:
    """Either the tap came first and less is paid, or the card was empty already and the tap is a claim."""
    for number in range(4):
        card = named_card(1_000, product={"code": f"race-{number}"})
        refund = due(card, payee="acct_1")

        def act(at: int, card: Card = card, refund: Refund = refund) -> None:
            if at:
                tap(field, card, 0, 300, occurred_at=NOON - timedelta(hours=1))
            else:
                approve_refund(refund=refund, actor="officer", occurred_at=LATER)

        in_threads(2, act)
        refund.refresh_from_db()
        assert purse_fen(card) == 0
        assert refund.balance_fen in (700, 1_000)
    claims = sum(1_000 - (refund.balance_fen or 0) == 0 for refund in Refund.objects.all())
    assert fen("1221") == 300 * claims
    assert invariants.broken() == []


def test_the_sweeper_runs_twice_at_once(named: Card) -> None:
    refund = ask(named)
    moved = in_threads(4, lambda _: advance_refund(refund=refund, now=LATER).state, RefundBlocked)
    assert set(moved) == {"due"}
