"""The approval: another person, the ledger's amounts, the money owed, the card's life ended; each amount to the fen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import (
    IllegalRefundTransition,
    PayeeMissing,
    RefundBlocked,
    SelfApproval,
)
from accounts.models import Card, LedgerAccount, Purse, Refund, RefundPart, Transfer
from accounts.selectors import invariants
from accounts.services import topup
from accounts.services.incidents import record_damage
from accounts.services.refund_payout import pay_refund_in_cash
from accounts.services.refund_waiting import quote_standing
from accounts.services.refunds import approve_refund
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from tests.accounts.refunds.stories import (
    LATER,
    OFFICER,
    anonymous_card,
    approved,
    ask,
    due,
    fen,
    fresh,
    named_card,
    parts,
    pay_online,
    purse_fen,
    shown,
    tap,
)
from tests.factories import CLERK, NOON, make_order
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = Refund.State


def booked(act: Callable[[], Any]) -> dict[str, int]:
    """What an act changes, by account code: fen, debit positive."""
    before = balances()
    act()
    return {
        code: value - before.get(code, 0)
        for code, value in balances().items()
        if value != before.get(code, 0)
    }


def balances() -> dict[str, int]:
    return {
        account.code: fen(account.code) * (1 if account.side == "D" else -1)
        for account in LedgerAccount.objects.exclude(code__in=["2011", "2012", "2013"])
    }


def test_an_approval_empties_the_card_into_what_is_owed() -> None:
    card = anonymous_card(fee_fen=300)
    refund = due(card, chip=shown(10_000))
    moved = booked(lambda: approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER))
    assert moved == {f"2012.{card.pan}": 10_000, "2021": 1_000, "2032": -10_700, "6003": -300}
    refund = Refund.objects.get(pk=refund.pk)
    assert (refund.state, refund.payable_fen, refund.decided_by) == (State.APPROVED, 10_700, OFFICER)
    assert parts(refund) == [("cash", 10_700, "waiting")]
    assert (fresh(card).state, purse_fen(card)) == (Card.State.CLOSED, 0)
    assert AuditEntry.objects.filter(action="refund.approve").exists()
    assert invariants.broken() == []


def test_both_purses_are_emptied(named: Card) -> None:
    pay_online(named, 5_000)
    moved = booked(lambda: approved(named, payee="acct_1"))
    assert moved == {f"2011.{named.pan}": 10_000, f"2013.{named.pan}": 5_000, "2021": 1_000, "2032": -16_000}
    assert invariants.broken() == []


def test_without_a_reason_the_price_comes_back_too() -> None:
    card = anonymous_card(no_reason_days=7, fee_fen=300)
    moved = booked(lambda: approved(card, chip=shown(10_000)))
    assert moved == {f"2012.{card.pan}": 10_000, "2021": 1_000, "6002": 1_000, "2032": -12_000}


def test_damage_is_kept_as_a_fee() -> None:
    card = anonymous_card(damage_fee_fen=600)
    record_damage(card=card, finding="bent", actor=CLERK, occurred_at=NOON)
    moved = booked(lambda: approved(card, chip=shown(10_000)))
    assert moved == {f"2012.{card.pan}": 10_000, "2021": 1_000, "2032": -10_400, "6003": -600}


def test_interest_is_the_operators_expense(card: Card) -> None:
    refund = due(card, chip=shown(10_000))
    moved = booked(
        lambda: approve_refund(
            refund=refund, actor=OFFICER, occurred_at=LATER, interest_fen=37, interest_reason="paid late"
        )
    )
    assert moved == {f"2012.{card.pan}": 10_000, "2021": 1_000, "6711": 37, "2032": -11_037}


@pytest.mark.parametrize(
    ("interest_fen", "reason"), [(-1, "late"), (1, ""), (1.5, "late"), (True, "late"), (10**18, "late")]
)
def test_interest_without_reason_or_amount(interest_fen: Any, reason: str, card: Card) -> None:
    refund = due(card, chip=shown(10_000))
    with pytest.raises(InvalidField):
        approve_refund(
            refund=refund, actor=OFFICER, occurred_at=LATER, interest_fen=interest_fen, interest_reason=reason
        )


def test_a_ride_on_overdraft_is_paid_out_of_the_deposit(field: Field) -> None:
    card = named_card(100, product={"overdraft_fen": 500})
    tap(field, card, 0, 400)
    assert purse_fen(card) == -300
    moved = booked(lambda: approved(card, payee="acct_1"))
    assert moved == {f"2011.{card.pan}": -300, "2021": 1_000, "2032": -700}
    assert invariants.broken() == []


def test_a_tap_after_the_approval_is_a_claim_not_an_overdraft(field: Field) -> None:
    card = named_card(100, product={"overdraft_fen": 500})
    approved(card, payee="acct_1")
    moved = booked(lambda: tap(field, card, 0, 200))
    assert moved == {"1221": 200, "2202.BUS": -200}


def test_a_card_with_nothing_is_paid_at_once() -> None:
    card = named_card(0, product={"deposit_fen": 0})
    refund = approved(card)
    assert (refund.state, refund.payable_fen, parts(refund)) == (State.PAID, 0, [])


def test_the_requester_does_not_approve(card: Card) -> None:
    refund = due(card, chip=shown(10_000))
    with pytest.raises(SelfApproval):
        approve_refund(refund=refund, actor=CLERK, occurred_at=LATER)
    assert fresh(card).state == Card.State.REFUNDING


def test_nobody_approves_before_the_day(named: Card) -> None:
    with pytest.raises(IllegalRefundTransition):
        approve_refund(refund=ask(named), actor=OFFICER, occurred_at=LATER)


def test_nobody_approves_twice(card: Card) -> None:
    refund = approved(card, chip=shown(10_000))
    before = balances()
    with pytest.raises(IllegalRefundTransition):
        approve_refund(refund=refund, actor="third", occurred_at=LATER)
    assert balances() == before


def test_money_that_came_in_meanwhile_is_settled_first(named: Card) -> None:
    order = make_order(card=named)
    refund = due(named, payee="acct_1")
    topup.receive_cash(order=order, actor=CLERK)
    with pytest.raises(RefundBlocked) as refused:
        approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert refused.value.data["blocker"] == "top_up_under_way"
    topup.reverse_topup(order=order, actor=CLERK, reason="refund")
    assert approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER).payable_fen == 11_000


def test_money_that_comes_in_afterwards_goes_back(named: Card) -> None:
    order = make_order(card=named, channel="gateway", purse_kind="account", amount_fen=700)
    approved(named, payee="acct_1")
    late = pay_online(named, 700, order=order)
    assert (late.state, purse_fen(named, "account")) == ("paid", 0)


def test_the_bank_needs_a_payee_and_nothing_happens_without(named: Card) -> None:
    refund = due(named)
    before = balances()
    with pytest.raises(PayeeMissing):
        approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert balances() == before
    assert Refund.objects.get(pk=refund.pk).state == State.DUE
    assert not RefundPart.objects.exists()


def test_cash_only_up_to_the_limit_and_for_a_matched_chip() -> None:
    poor, rich = anonymous_card(8_999, cash_limit_fen=9_999), anonymous_card(9_000, cash_limit_fen=9_999)
    assert parts(approved(poor, chip=shown(8_999))) == [("cash", 9_999, "waiting")]
    with pytest.raises(PayeeMissing):
        approved(rich, chip=shown(9_000))
    unmatched = anonymous_card(5_000, code="other")
    assert parts(approved(unmatched, chip=shown(4_800, atc=1), payee="acct_1")) == [
        ("bank", 6_000, "waiting")
    ]


def test_who_names_an_account_gets_no_cash(card: Card) -> None:
    assert parts(approved(card, chip=shown(10_000), payee="acct_1")) == [("bank", 11_000, "waiting")]


class TestDatabase:
    """What no service would do, the database refuses to anyone."""

    def forge(self, statement: str, *values: object) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_four_eyes(self, card: Card) -> None:
        refund = approved(card, chip=shown(10_000))
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE accounts_refund DISABLE TRIGGER amounts_stand")
        with pytest.raises(IntegrityError, match="refund_approved_by_another_person"):
            self.forge("UPDATE accounts_refund SET decided_by = requested_by WHERE id = %s", refund.pk)

    @pytest.mark.parametrize(
        ("statement", "rule"),
        [
            ("UPDATE accounts_refund SET payable_fen = payable_fen + 1 WHERE id = %s", "stands"),
            ("UPDATE accounts_refund SET balance_fen = NULL WHERE id = %s", "stands"),
            ("UPDATE accounts_refund SET requested_by = 'x' WHERE id = %s", "stands"),
            ("UPDATE accounts_refund SET state = 'due' WHERE id = %s", "refund_amounts_add_up"),
            ("UPDATE accounts_refund SET state = 'paid' WHERE id = %s", "payable"),
            ("DELETE FROM accounts_refund WHERE id = %s", "stands"),
            ("UPDATE accounts_refundpart SET amount_fen = 1 WHERE refund_id = %s", "stands"),
            ("DELETE FROM accounts_refundpart WHERE refund_id = %s", "stands"),
            (
                "UPDATE accounts_refundpart SET state = 'failed', settled_at = now() WHERE refund_id = %s",
                "in parts 0",
            ),
            (
                "INSERT INTO accounts_refundpart (refund_id, key, method, amount_fen, state, reference, failure)"
                " VALUES (%s, 'x', 'bank', 1, 'waiting', '', '')",
                "in parts 11001",
            ),
        ],
    )
    def test_amounts_and_parts_stand(self, statement: str, rule: str, card: Card) -> None:
        refund = approved(card, chip=shown(10_000))
        with pytest.raises(IntegrityError, match=rule):
            self.forge(statement, refund.pk)

    def test_amounts_cannot_be_made_up_at_the_approval(self, named: Card) -> None:
        refund = due(named)
        with pytest.raises(IntegrityError, match="refund_amounts_add_up"):
            self.forge(
                "UPDATE accounts_refund SET state = 'approved', decided_by = 'x', payable_fen = 5 WHERE id = %s",
                refund.pk,
            )

    def test_one_refund_at_a_time(self, named: Card) -> None:
        refund = ask(named)
        with pytest.raises(IntegrityError, match="one_refund_per_card"):
            Refund.objects.create(
                number="RF1", card=named, policy=refund.policy, requested_by="x", requested_at=NOON
            )

    def test_a_failed_part_stays_failed(self, card: Card) -> None:
        refund = approved(card, chip=shown(10_000), payee="acct_1")
        self.forge(
            "INSERT INTO accounts_refundpart (refund_id, key, method, amount_fen, state, reference, failure, settled_at)"
            " VALUES (%s, 'x', 'bank', 1, 'failed', '', '', now())",
            refund.pk,
        )
        with pytest.raises(IntegrityError, match="stands"):
            self.forge("UPDATE accounts_refundpart SET state = 'waiting', settled_at = NULL WHERE key = 'x'")


def test_a_quote_of_a_standing_refund_is_what_is_approved(card: Card, field: Field) -> None:
    refund = due(card, chip=shown(9_800, atc=1))
    tap(field, card, 0, 200, occurred_at=NOON - timedelta(hours=1))
    quoted = quote_standing(refund)
    paid = approve_refund(refund=refund, actor=OFFICER, occurred_at=LATER)
    assert quoted.payable_fen == paid.payable_fen == 10_800
    assert pay_refund_in_cash(refund=paid, actor=CLERK, occurred_at=LATER).state == State.PAID


def test_every_leg_of_an_approval_belongs_to_the_card(card: Card) -> None:
    approved(card, chip=shown(10_000))
    purse = Purse.objects.get(card=card)
    owed = Transfer.objects.get(kind=Transfer.Kind.REFUND_OWED)
    deposit = Transfer.objects.get(kind=Transfer.Kind.DEPOSIT_RETURNED)
    assert (owed.source_id, owed.debit_id, deposit.source_id) == (purse.pk, purse.account_id, card.pk)
