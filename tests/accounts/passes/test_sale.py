"""Passes on sale: terms by date, what a sale books, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import CardNotActive, ConcessionUnproven, PassAlreadyRunning, PassNotOnSale
from accounts.models import Card, LedgerAccount, Pass, PassProduct, Transfer
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.selectors.passes import card_passes, pass_product, passes_ending_within, passes_on_sale
from accounts.services import cards
from accounts.services.ledger import open_account
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.models import AuditEntry
from tests.factories import CLERK, NOON

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 2)


def fen(code: str) -> int:
    return account_balance_fen(open_account(chart=code).pk)


def test_a_pass_paid_in_cash_waits_to_be_used(sell: Callable[..., Pass], card: Card) -> None:
    sold = sell()
    assert (sold.rides_left, sold.unused_fen, sold.state) == (10, 1_000, Pass.State.ACTIVE)
    assert (sold.starts_on, sold.ends_on) == (TODAY, TODAY + timedelta(days=179))
    assert (fen("1011"), fen("2051")) == (1_000, 1_000)
    assert Transfer.objects.get().kind == Transfer.Kind.PASS_SOLD
    assert list(card_passes(card)) == [sold]
    assert invariants.broken() == []


def test_the_same_sale_again_sells_nothing(sell: Callable[..., Pass]) -> None:
    assert sell() == sell()
    assert fen("1011") == 1_000
    with pytest.raises(Conflict):
        sell(starts_on=TODAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("starts_on", "ends_on"),
    [
        (date(2026, 3, 2), date(2026, 3, 31)),
        (date(2026, 12, 31), date(2026, 12, 31)),
        (date(2028, 2, 1), date(2028, 2, 29)),
    ],
)
def test_a_calendar_month_ends_with_it(sell: Callable[..., Pass], starts_on: date, ends_on: date) -> None:
    sold = sell(kind="monthly", rides=None, validity_days=None, starts_on=starts_on)
    assert (sold.ends_on, sold.rides_left) == (ends_on, None)


def test_the_terms_of_the_day_of_sale_hold(
    sell: Callable[..., Pass], publish: Callable[..., PassProduct]
) -> None:
    old, new = publish(), publish(valid_from=TODAY + timedelta(days=1), price_fen=1_200)
    assert sell(starts_on=TODAY + timedelta(days=5)).product == old
    assert pass_product("ten", TODAY) == old
    assert pass_product("ten", TODAY + timedelta(days=1)) == new
    assert pass_product("ten", date(2025, 12, 31)) is None
    assert list(passes_on_sale(TODAY + timedelta(days=2))) == [new]


def test_terms_are_published_once_and_audited(publish: Callable[..., PassProduct]) -> None:
    assert publish() == publish()
    with pytest.raises(Conflict):
        publish(price_fen=999)
    assert AuditEntry.objects.filter(action="pass_product.publish", subject="pass_product:ten").count() == 1


def test_the_first_product_opens_all_accounts_of_passes(publish: Callable[..., PassProduct]) -> None:
    """Or two who open them at once while they hold passes would wait for each other."""
    publish()
    opened = set(LedgerAccount.objects.values_list("code", flat=True))
    assert opened >= {"1011", "2032", "2051", "2204.bus", "6003"}


@pytest.mark.parametrize(
    "changes",
    [
        {"price_fen": 0},
        {"rides": None},
        {"rides": 0},
        {"rides": 1_001},
        {"validity_days": 0},
        {"channels": []},
        {"refund_fee_fen": 1_001},
        {"refund_fee_fen": -1},
        {"refund": "maybe"},
        {"kind": "weekly"},
        {"unused": "purse"},
    ],
)
def test_terms_without_sense_are_refused(
    publish: Callable[..., PassProduct], changes: dict[str, object]
) -> None:
    with pytest.raises(InvalidField):
        publish(**changes)


def test_terms_and_uses_cannot_be_changed(sell: Callable[..., Pass]) -> None:
    sell()
    for statement in ("UPDATE accounts_passproduct SET price_fen = 1", "DELETE FROM accounts_passuse"):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("unused_fen = unused_fen + 1", "pass_only_wanes"),
        ("rides_left = rides_left + 1", "pass_only_wanes"),
        ("rides_left = NULL", "pass_only_wanes"),
        ("ends_on = ends_on + 1", "pass_only_wanes"),
        ("price_fen = price_fen + 1", "pass_only_wanes"),
        ("unused_fen = 0", "pass_holds_something_while_it_runs"),
        ("state = 'expired'", "pass_holds_something_while_it_runs"),
    ],
)
def test_a_pass_is_only_used_up(sell: Callable[..., Pass], change: str, rule: str) -> None:
    sell()
    assert violated("rides_left = 9, unused_fen = 900") is None
    assert violated(change) == rule


def test_what_is_over_stays_over(sell: Callable[..., Pass]) -> None:
    sell()
    assert violated("state = 'expired', unused_fen = 0") is None
    assert violated("refunded_fen = 1") == "pass_only_wanes"


def violated(change: str) -> str | None:
    """The rule of the database that an UPDATE of all passes breaks."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE accounts_pass SET {change}")
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return None


def test_one_running_pass_of_a_kind_per_card(
    sell: Callable[..., Pass], publish: Callable[..., PassProduct]
) -> None:
    first = sell()
    with pytest.raises(PassAlreadyRunning):
        sell(number="P2", starts_on=first.ends_on)
    publish(valid_from=date(2026, 2, 1), price_fen=1_200)
    with pytest.raises(PassAlreadyRunning):
        sell(number="P2")
    sell(number="P3", starts_on=first.ends_on + timedelta(days=1))
    sell(number="P4", code="other")
    with pytest.raises(IntegrityError, match="one_running_pass"), transaction.atomic():
        Pass.objects.create(
            number="P5",
            product=first.product,
            card=first.card,
            starts_on=first.ends_on,
            ends_on=first.ends_on,
            price_fen=1,
            unused_fen=1,
            rides_left=1,
            paid_by="cash",
            sold_at=NOON,
        )


def test_what_a_sale_refuses(sell: Callable[..., Pass], card: Card) -> None:
    with pytest.raises(PassNotOnSale):
        sell(valid_from=TODAY + timedelta(days=1))
    with pytest.raises(InvalidField, match="starts_on"):
        sell(starts_on=TODAY - timedelta(days=1))
    with pytest.raises(ConcessionUnproven) as refusal:
        sell(code="student", concession="全日制学生", legal_basis="闽价〔2020〕7号")
    assert refusal.value.rule == "闽价〔2020〕7号"
    assert (
        sell(code="student", concession="全日制学生", legal_basis="闽价〔2020〕7号", proof="学生证").proof
        == "学生证"
    )
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    with pytest.raises(CardNotActive):
        sell(number="P2")
    assert Pass.objects.count() == 1


def test_reminders_name_what_ends_soon(sell: Callable[..., Pass]) -> None:
    month = sell(kind="monthly", rides=None, validity_days=None)
    sell(number="P2", code="later", validity_days=31)
    assert list(passes_ending_within(29, TODAY)) == [month]
    assert list(passes_ending_within(28, TODAY)) == []
    assert len(passes_ending_within(30, TODAY)) == 2
    assert list(passes_ending_within(5, month.ends_on + timedelta(days=30))) == []
