"""Another card in the place of one: nothing is lost, nothing moves twice, late taps are still the old card's."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import CardAlreadyHeld, CardHasFunds, NotReplaceable
from accounts.models import Card, Chart, LedgerAccount, Mandate, Notice, Replacement, TopUpOrder
from accounts.selectors.balances import account_balance_fen
from accounts.selectors.invariants import broken
from accounts.selectors.refund_quote import quote_refund
from accounts.services.cards import (
    activate_card,
    close_card,
    issue_card,
    mark_found,
    mark_lost,
    mark_personalised,
)
from accounts.services.concessions import grant_concession
from accounts.services.incidents import record_damage
from accounts.services.passes import publish_pass_product, sell_pass
from accounts.services.replacements import move_due, move_money, replace_card
from accounts.services.topup import receive_cash
from citizencard.core.models import AuditEntry
from tests.accounts.purses.filling import fill
from tests.accounts.refunds.stories import LATER, anonymous_card, fresh, named_card, tap
from tests.accounts.threads import in_threads
from tests.factories import CLERK, NOON, make_order
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


def lost(card: Card) -> Card:
    return mark_lost(card=card, actor=CLERK, reason="on the bus", occurred_at=NOON)


def replaced(card: Card, cause: str = "lost") -> Replacement:
    return replace_card(card=card, cause=cause, actor=CLERK, occurred_at=NOON)


def handed_over(replacement: Replacement) -> Card:
    new = mark_personalised(card=replacement.new, actor=CLERK)
    new = issue_card(card=new, actor=CLERK, occurred_at=NOON)
    return activate_card(card=new, actor=CLERK)


def in_orders(card: Card) -> dict[str, int]:
    """What each order says it is of."""
    orders = TopUpOrder.objects.filter(card=card, channel="replaced")
    return {order.request_key.rsplit(":")[-1]: order.amount_fen for order in orders if order.request_key}


def between_fen() -> int:
    found = LedgerAccount.objects.filter(chart=Chart.CARDS_REPLACED).first()
    return account_balance_fen(found.pk) if found else 0


def test_what_a_lost_card_holds_follows_once_late_taps_have_arrived(named: Card, field: Field) -> None:
    account = named.purses.get(kind="account")
    fill(account, 3_000)
    replacement = replaced(lost(named))
    assert (fresh(named).state, replacement.due_on) == (Card.State.REPLACED, date(2026, 3, 9))
    new = handed_over(replacement)
    assert (new.product, new.citizen) == (named.product, named.citizen)
    tap(field, named, 1, 250, occurred_at=NOON - timedelta(hours=2))
    assert move_due(now=NOON + timedelta(days=6)) == 0
    assert move_due(now=LATER) == 1
    replacement.refresh_from_db()
    assert (replacement.chip_fen, replacement.account_fen, replacement.deposit_fen) == (9_750, 3_000, 1_000)
    assert in_orders(new) == {"chip": 9_750, "deposit": 1_000, "account": 3_000}
    assert new.purses.get(kind="account").balance_fen == 3_000
    assert fresh(named).state == Card.State.CLOSED
    assert [purse.balance_fen for purse in named.purses.all()] == [0, 0]
    assert between_fen() == 0
    assert broken() == []
    assert move_due(now=LATER) == 0
    assert move_money(replacement=replacement, actor=CLERK, occurred_at=LATER) == replacement
    assert AuditEntry.objects.filter(action="card.money_follows").count() == 1
    codes = [notice.code for notice in named.citizen.notices.order_by("pk")]
    assert codes[-2:] == [Notice.Code.CARD_REPLACED, Notice.Code.MONEY_FOLLOWED]


def test_again_is_the_same_card(named: Card) -> None:
    first = replaced(lost(named))
    assert replaced(named) == first
    assert Card.objects.count() == 2
    with pytest.raises(CardAlreadyHeld):
        mark_found(card=named, actor=CLERK, reason="found", occurred_at=NOON)


@pytest.mark.parametrize("cause", ["lost", "expired"])
def test_a_card_in_use_is_not_replaced_as_lost_nor_before_it_ends(named: Card, cause: str) -> None:
    with pytest.raises(NotReplaceable):
        replaced(named, cause)
    assert fresh(named).state == Card.State.ACTIVE
    assert not Replacement.objects.exists()


def test_who_is_to_blame_pays_for_the_card(card: Card) -> None:
    assert replaced(card, "damaged").fee_fen == 0
    broken_one = anonymous_card(code="other", damage_fee_fen=500)
    record_damage(card=broken_one, finding="cut in two", actor=CLERK, occurred_at=NOON)
    assert replaced(broken_one, "damaged").fee_fen == broken_one.product.price_fen == 1_000
    assert broken() == []


def test_an_anonymous_card_that_has_expired_is_exchanged_with_everything_on_it(card: Card) -> None:
    grant_concession(
        card=card,
        category="senior",
        valid_from=date(2026, 3, 1),
        proof="age",
        legal_basis="rule 5",
        checked_by=CLERK,
    )
    Card.objects.filter(pk=card.pk).update(valid_from=date(2020, 1, 1), valid_to=date(2026, 3, 1))
    replacement = replaced(fresh(card), "expired")
    new = handed_over(replacement)
    assert (new.price_fen, new.deposit_fen, new.concessions.get().category) == (0, 1_000, "senior")
    assert move_due(now=LATER) == 1
    assert in_orders(new) == {"chip": 10_000, "deposit": 1_000}
    assert broken() == []


def test_passes_go_with_the_holder_at_once_and_to_nobody_else(named: Card, card: Card) -> None:
    publish_pass_product(
        code="ten", name="十次卡", kind="times", price_fen=1_000, rides=10, validity_days=180, channels=["bus"], operator="bus",
        operator_name="公交集团", refund="pro_rata", unused="operator", legal_basis="test", valid_from=date(2026, 1, 1), actor="finance",
    )  # fmt: skip
    held = sell_pass(
        code="ten", card=named, starts_on=date(2026, 3, 2), paid_by="cash", number="P1", actor=CLERK, occurred_at=NOON, proof=""
    )  # fmt: skip
    replacement = replaced(lost(named))
    held.refresh_from_db()
    assert held.card == replacement.new
    with pytest.raises(IntegrityError, match="would become worth more"), transaction.atomic():
        type(held).objects.filter(pk=held.pk).update(card=card)
    assert broken() == []


def test_what_a_ride_has_overdrawn_is_made_good_of_the_deposit(field: Field) -> None:
    named = named_card(100, product={"overdraft_fen": 800})
    tap(field, named, 1, 700)
    assert named.purse.balance_fen == -600
    new = handed_over(replacement := replaced(lost(named)))
    assert move_due(now=LATER) == 1
    replacement.refresh_from_db()
    assert (replacement.chip_fen, in_orders(new)) == (-600, {"deposit": 400})
    assert broken() == []


def test_what_is_lost_again_leads_to_the_last_card(named: Card) -> None:
    first = replaced(lost(named))
    between = handed_over(first)
    last = handed_over(second := replaced(lost(between)))
    assert move_due(now=LATER) == 2
    for each in (first, second):
        each.refresh_from_db()
        assert each.state == Replacement.State.MOVED
    orders = TopUpOrder.objects.filter(channel="replaced")
    assert {order.card for order in orders} == {last}
    assert sum(order.amount_fen for order in orders) == 10_000 + 1_000 + 1_000
    assert broken() == []


def test_the_new_card_is_not_given_back_while_money_is_on_its_way(named: Card) -> None:
    new = handed_over(replaced(lost(named)))
    with pytest.raises(CardHasFunds):
        close_card(card=new, actor=CLERK, reason="over", occurred_at=NOON)
    assert "replacing" in {blocker.kind for blocker in quote_refund(card=new, on=NOON.date()).blockers}
    assert move_due(now=LATER) == 1


def test_what_was_paid_and_not_yet_written_goes_to_the_new_chip(named: Card) -> None:
    order = receive_cash(order=make_order(card=named, amount_fen=5_000), actor=CLERK)
    new = handed_over(replaced(lost(named)))
    order.refresh_from_db()
    assert (order.card, order.purse) == (new, new.purse)
    assert move_due(now=LATER) == 1
    assert broken() == []


def test_damage_takes_no_more_of_a_deposit_than_a_ride_has_left(field: Field) -> None:
    named = named_card(100, product={"overdraft_fen": 800}, damage_fee_fen=800)
    tap(field, named, 1, 700)
    record_damage(card=named, finding="cut in two", actor=CLERK, occurred_at=NOON)
    new = handed_over(replaced(fresh(named), "damaged"))
    assert move_due(now=LATER) == 1
    assert in_orders(new) == {}
    assert between_fen() == 0
    assert broken() == []


def test_nothing_moves_before_the_holder_has_the_new_card(named: Card) -> None:
    replacement = replaced(lost(named))
    assert move_due(now=LATER) == 0
    assert named.purse.balance_fen == 10_000
    handed_over(replacement)
    assert move_due(now=LATER) == 1


def test_automatic_top_up_ends_with_the_card() -> None:
    assert "replaced" in Mandate.StopReason.values
    assert Notice.Code("mandate_stopped_replaced").label


def test_the_database_lets_a_replacement_move_once(named: Card) -> None:
    handed_over(replacement := replaced(lost(named)))
    move_due(now=LATER)
    for statement in (
        "UPDATE accounts_replacement SET chip_fen = chip_fen + 1",
        "DELETE FROM accounts_replacement",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert Replacement.objects.get() == replacement


@pytest.mark.django_db(transaction=True)
def test_two_who_move_at_once_move_once(named: Card) -> None:
    new = handed_over(replacement := replaced(lost(named)))
    in_threads(4, lambda _n: move_money(replacement=replacement, actor=CLERK, occurred_at=LATER))
    assert in_orders(new) == {"chip": 10_000, "deposit": 1_000}
    assert broken() == []


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chip_fen=st.integers(0, 20_000),
    account_fen=st.integers(0, 20_000),
    late=st.lists(st.integers(1, 3_000), max_size=3),
)
def test_no_fen_is_lost(field: Field, chip_fen: int, account_fen: int, late: list[int]) -> None:
    saved = transaction.savepoint()
    named = named_card(chip_fen)
    if account_fen:
        fill(named.purses.get(kind="account"), account_fen)
    handed_over(replacement := replaced(lost(named)))
    for atc, amount_fen in enumerate(late, start=1):
        tap(field, named, atc, amount_fen, occurred_at=NOON - timedelta(hours=3))
    move_due(now=LATER)
    replacement.refresh_from_db()
    paid_fen = sum(in_orders(replacement.new).values())
    taken_fen = chip_fen - (replacement.chip_fen or 0)
    assert paid_fen == chip_fen + account_fen + 1_000 - taken_fen
    assert taken_fen <= sum(late)
    assert not {breach.invariant for breach in broken()}
    transaction.savepoint_rollback(saved)
