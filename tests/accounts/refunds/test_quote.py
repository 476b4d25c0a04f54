"""The quote: each line of the formula, each thing that stands against it, the rules of the right day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import RefundBlocked
from accounts.models import Card, RefundPolicy, TopUpOrder
from accounts.selectors.refund_blockers import Blocking, months_later
from accounts.selectors.refund_quote import NO_REASON_RULE, RefundAmounts, RefundQuote, quote_refund
from accounts.services import topup
from accounts.services.incidents import record_damage
from citizencard.core.errors import Conflict, InvalidField
from tests.accounts.refunds import stories
from tests.accounts.refunds.stories import anonymous_card, fresh, named_card, shown, tap
from tests.factories import CLERK, NOON, make_card, make_order, make_product
from tests.terminals.field import Field

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
TODAY = NOON.date()


def quote(card: Card, on: date = TODAY, **changes: Any) -> RefundQuote:
    return quote_refund(card=fresh(card), on=on, **changes)


def kinds(found: RefundQuote) -> set[str]:
    return {blocker.kind.value for blocker in found.blockers}


def amounts(found: RefundQuote) -> list[int]:
    return [line.amount_fen for line in found.lines]


def test_balance_deposit_and_fee_make_the_formula() -> None:
    card = anonymous_card(fee_fen=300)
    found = quote(card, chip=shown(10_000))
    assert amounts(found) == [10_000, 1_000, -300]
    assert found.payable_fen == sum(amounts(found)) == 10_700
    assert all(line.label and line.rule for line in found.lines)
    assert (found.blockers, found.evidence.matched, found.due_on) == ((), True, TODAY)


def test_the_ledger_decides_not_the_chip(card: Card) -> None:
    found = quote(card, chip=shown(4_000))
    assert found.amounts.balance_fen == 10_000
    assert kinds(found) == {"unmatched"}
    assert found.due_on == TODAY + timedelta(days=7)


def test_both_purses_are_paid_back(named: Card) -> None:
    stories.pay_online(named, 5_000)
    assert amounts(quote(named)) == [15_000, 1_000]


def test_what_is_reserved_holds_the_refund_up(named: Card) -> None:
    stories.pay_online(named, 5_000)
    stories.reserve(named, 2_000)
    found = quote(named)
    assert (amounts(found), kinds(found)) == ([15_000, -2_000, 1_000], {"held"})
    assert found.payable_fen == 14_000


def test_missing_counters_are_named(card: Card, field: Field) -> None:
    for atc in (0, 3, 4):
        tap(field, card, atc)
    found = quote(card, chip=shown(9_000, atc=8, at=NOON + timedelta(hours=1)))
    assert found.evidence.missing == ((1, 2), (5, 7))
    assert "1–2, 5–7" in found.blockers[0].reason
    assert found.blockers[0].until == TODAY + timedelta(days=7)


def test_a_gap_between_counters_is_known_without_the_chip(named: Card, field: Field) -> None:
    tap(field, named, 0)
    tap(field, named, 2)
    assert quote(named).evidence.missing == ((1, 1),)


def test_a_chip_behind_the_books_without_a_gap_waits_too(card: Card) -> None:
    found = quote(card, chip=shown(9_999))
    assert kinds(found) == {"unmatched"}
    assert not found.evidence.missing


@pytest.mark.parametrize(
    ("policy", "blocked"),
    [
        ({"redeemable": False}, {"not_redeemable"}),
        ({"after_months": 3}, {"not_yet"}),
        ({}, set()),
    ],
)
def test_the_products_rules(policy: dict[str, Any], blocked: set[str], open_day: object) -> None:
    card = named_card(**policy)
    found = quote(card)
    assert kinds(found) == blocked
    assert all(blocker.rule == "办法 §1" for blocker in found.blockers)


def test_three_months_after_the_purchase_to_the_day() -> None:
    card = named_card(after_months=3)
    assert kinds(quote(card, on=date(2026, 6, 1))) == {"not_yet"}
    assert quote(card, on=date(2026, 6, 1)).blockers[0].until == date(2026, 6, 2)
    assert kinds(quote(card, on=date(2026, 6, 2))) == set()


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 5, 15), 0, date(2026, 5, 15)),
    ],
)
def test_months_later(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


def test_an_anonymous_card_is_refunded_against_itself_only(card: Card) -> None:
    assert kinds(quote(card)) == {"chip_needed"}


def test_a_product_without_policy_and_a_card_nobody_holds_are_not_refunded() -> None:
    product = make_product(code="free", price_fen=0, deposit_fen=0)
    assert kinds(quote(make_card(product=product))) == {"no_policy"}
    stories.publish(product)
    assert kinds(quote(make_card(product=product, state=Card.State.PERSONALISED))) == {"card_state"}
    assert kinds(quote(make_card(product=product, state=Card.State.CLOSED))) == {"card_state"}


def test_a_top_up_under_way_is_named(named: Card) -> None:
    order = topup.receive_cash(order=make_order(card=named), actor=CLERK)
    found = quote(named)
    assert kinds(found) == {"top_up_under_way"}
    assert order.number in found.blockers[0].reason
    topup.reverse_topup(order=order, actor=CLERK, reason="refund")
    assert kinds(quote(named)) == set()


def test_a_torn_load_may_stand_on_the_chip_already(card: Card) -> None:
    """The chip is ahead by the load whose proof is outstanding, and by no fen more."""
    order = topup.receive_cash(order=make_order(card=card, amount_fen=5_000), actor=CLERK)
    TopUpOrder.objects.filter(pk=order.pk).update(
        state="loaded", online_atc=0, balance_before_fen=10_000, loaded_at=NOON
    )
    assert kinds(quote(card, chip=shown(15_000))) == {"top_up_under_way", "unmatched"}
    assert "tampered" in kinds(quote(card, chip=shown(15_001)))


def test_damage_is_taken_from_the_deposit_only() -> None:
    card = named_card(0, damage_fee_fen=1_500, fee_fen=200)
    record_damage(card=card, finding="cut in two", actor=CLERK, occurred_at=NOON)
    assert amounts(quote(card)) == [1_000, -1_000]
    richer = anonymous_card(50, damage_fee_fen=600, fee_fen=2_000)
    record_damage(card=richer, finding="bent", actor=CLERK, occurred_at=NOON)
    assert amounts(quote(richer, chip=shown(50))) == [50, 1_000, -600, -450]


def test_damage_is_recorded_once_and_by_rule() -> None:
    card = anonymous_card(damage_fee_fen=600)
    first = record_damage(card=card, finding="bent", actor=CLERK, occurred_at=NOON)
    again = record_damage(card=card, finding="cut", actor=CLERK, occurred_at=NOON)
    assert first == again
    assert first is not None
    assert (first.amount_fen, first.rule, first.finding) == (600, "办法 §1", "bent")
    harmless = make_product(code="cheap")
    stories.publish(harmless)
    assert (
        record_damage(card=make_card(product=harmless), finding="bent", actor=CLERK, occurred_at=NOON) is None
    )
    with pytest.raises(RefundBlocked):
        record_damage(
            card=make_card(product=make_product(code="none")), finding="bent", actor=CLERK, occurred_at=NOON
        )


def test_seven_days_without_a_reason_give_everything_back() -> None:
    """Price, deposit and balance, without fee, although the product is not redeemable."""
    card = anonymous_card(redeemable=False, no_reason_days=7, fee_fen=300)
    last = TODAY + timedelta(days=7)
    found = quote(card, on=last, chip=shown(10_000))
    assert (amounts(found), kinds(found)) == ([10_000, 1_000, 1_000], set())
    assert found.terms.no_reason
    assert NO_REASON_RULE in {line.rule for line in found.lines}
    assert kinds(quote(card, on=last + timedelta(days=1), chip=shown(10_000))) == {"not_redeemable"}


def test_a_used_card_needs_a_reason(field: Field) -> None:
    card = anonymous_card(no_reason_days=7)
    assert not quote(card, chip=shown(9_800, atc=1)).terms.no_reason
    tap(field, card, 0)
    assert not quote(card, chip=shown(9_800, atc=1, at=NOON + timedelta(hours=1))).terms.no_reason


def test_the_rules_are_those_of_the_day(card: Card) -> None:
    stories.publish(card.product, valid_from=date(2026, 3, 3), fee_fen=500)
    assert quote(card, chip=shown(10_000)).amounts.fee_fen == 0
    assert quote(card, on=date(2026, 3, 3), chip=shown(10_000)).amounts.fee_fen == 500
    assert kinds(quote(card, on=date(2025, 12, 31), chip=shown(10_000))) == {"no_policy"}


def test_a_published_rule_is_never_changed(card: Card) -> None:
    stories.publish(card.product)
    assert RefundPolicy.objects.count() == 1
    with pytest.raises(Conflict):
        stories.publish(card.product, fee_fen=1)
    with pytest.raises(InvalidField):
        stories.publish(card.product, valid_from=date(2026, 4, 1), fee_fen=-1)
    with pytest.raises(InvalidField):
        stories.publish(card.product, valid_from=date(2026, 4, 1), legal_basis="")


def test_interest_is_a_line_of_its_own(card: Card) -> None:
    found = quote(card, chip=shown(10_000), interest_fen=37)
    assert amounts(found) == [10_000, 1_000, 37]


@given(st.builds(RefundAmounts, *[st.integers(-500, 500)] + [st.integers(0, 10_000)] * 6))
def test_what_is_payable_is_never_below_zero(found: RefundAmounts) -> None:
    assert found.payable_fen >= 0


def test_blocking_words_are_stable() -> None:
    assert {word.value for word in Blocking} >= {"tampered", "not_redeemable", "not_yet", "unmatched"}
