"""Purchases taken back: by whom, until when, how much, how often; and where the money then is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Card, TopUpOrder
from accounts.selectors import invariants as ledger
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from accounts.services.topup import reverse_topup
from citizencard.core.calendar import cut_off
from citizencard.core.keyservice.keystore import KeyStore
from settlement.models import Statement
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from terminals.models import Channel, PurchaseReturn
from terminals.selectors.invariants import broken
from terminals.services.acceptance import accept_tap
from terminals.services.hotlist import report_loss
from terminals.services.online.return_rules import publish_return_policy, return_rule
from terminals.wire.record import TapRecord
from tests.factories import CLERK, NOON
from tests.fixtures_accounts import TODAY
from tests.terminals.api.test_cards import Reader
from tests.terminals.chips import issued_card, paid_order
from tests.terminals.field import Field, make_merchant

pytestmark = pytest.mark.django_db
LONG = {"cancel": True, "refund_days": 10_000, "legal_basis": "test", "actor": "clerk"}


@pytest.fixture
def shop(open_day: Any, demo_keys: KeyStore) -> Field:
    """A till of a shop that takes things back."""
    publish_return_policy(channel="shop", valid_from=date(2026, 1, 1), **LONG)  # type: ignore[arg-type]
    return Field.install(demo_keys, merchant=make_merchant("SHOP", "shop"))


def bought(field: Field, card: Card, amount_fen: int = 3_000, atc: int = 1) -> TapRecord:
    record = field.tap(card, atc, amount_fen)
    accept_tap(terminal=field.terminal, body=record.to_json().encode())
    return record


def asked(record: TapRecord, **changes: Any) -> dict[str, Any]:
    named = {name: getattr(record, name) for name in ("terminal_no", "terminal_seq", "card_no", "amount_fen")}
    return named | {"occurred_at": (NOON + timedelta(hours=1)).isoformat()} | changes


def reverse(field: Field, record: TapRecord, **changes: Any) -> HttpResponse:
    return field.post_json("/api/v1/reversals", asked(record, **changes))


def refund(field: Field, record: TapRecord, number: int = 1, **changes: Any) -> HttpResponse:
    return field.post_json("/api/v1/refunds", asked(record, number=number, **changes))


def code(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")  # type: ignore[attr-defined]


def fen(chart: str, owner: str = "") -> int:
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


def test_a_cancelled_purchase_waits_for_the_chip(shop: Field, card: Card) -> None:
    record = bought(shop, card)
    first, again = reverse(shop, record), reverse(shop, record)
    assert (first.status_code, first.content) == (201, again.content)
    order = TopUpOrder.objects.get()
    assert (order.state, order.channel, order.party, order.amount_fen) == ("paid", "refund", "SHOP", 3_000)
    assert (fen("2202", "SHOP"), fen("2031")) == (0, 3_000)
    assert broken_invariants() == []


def test_the_next_reader_puts_it_on_the_chip(shop: Field, demo_keys: KeyStore) -> None:
    card, chip = issued_card(demo_keys)
    reader = Reader(shop, card, chip, paid_order(card, 5_000))
    reader.load()
    record = bought(shop, card, 1_200)
    number = refund(shop, record, amount_fen=700).json()["order"]  # type: ignore[attr-defined]
    assert reader.load() == [number]
    assert reader.balances == (5_700, 4_500)  # on the chip nothing was spent in this test
    assert broken_invariants() == []


def test_parts_of_a_purchase_and_never_more(shop: Field, card: Card) -> None:
    record = bought(shop, card, 1_000)
    assert refund(shop, record, 1, amount_fen=600).status_code == 201
    over = refund(shop, record, 2, amount_fen=401)
    assert (code(over), over.json()["left_fen"]) == ((409, "purchase_over_refunded"), "400")  # type: ignore[attr-defined]
    assert code(reverse(shop, record)) == (409, "purchase_over_refunded")
    assert refund(shop, record, 2, amount_fen=400).status_code == 201
    assert refund(shop, record, 1, amount_fen=600).status_code == 201
    assert code(refund(shop, record, 1, amount_fen=500)) == (409, "conflict")
    assert (fen("2202", "SHOP"), fen("2031"), PurchaseReturn.objects.count()) == (0, 1_000, 2)


def test_what_is_not_taken_back(shop: Field, card: Card, demo_keys: KeyStore) -> None:
    record, other = bought(shop, card), Field.install(demo_keys, merchant=make_merchant("PARK", "park"))
    beside = Field.install(demo_keys, merchant=shop.terminal.merchant)
    assert code(reverse(shop, record, terminal_seq=99)) == (404, "purchase_unknown")
    assert code(reverse(shop, record, card_no="9" * 19)) == (404, "purchase_unknown")
    assert code(reverse(other, record)) == (403, "purchase_not_yours")
    assert code(reverse(shop, record, amount_fen=2_999)) == (422, "invalid_field")
    assert reverse(beside, record).status_code == 201  # another till of the same shop
    assert code(reverse(shop, record)) == (409, "already_reversed")
    assert code(refund(shop, record)) == (409, "already_reversed")


def test_the_day_after_it_is_a_refund(shop: Field, card: Card) -> None:
    record, kept = bought(shop, card), bought(shop, card, 500, atc=2)
    first = reverse(shop, kept)
    cut_off(TODAY)
    assert code(reverse(shop, record)) == (409, "day_closed")
    assert refund(shop, record).status_code == 201
    assert reverse(shop, kept).content == first.content


def test_what_waits_in_suspense_is_nobodys_to_give_back(shop: Field, card: Card) -> None:
    report_loss(card=card, actor="clerk", reason="lost", occurred_at=NOON - timedelta(hours=1))
    assert code(reverse(shop, bought(shop, card))) == (409, "purchase_not_paid")


def test_a_lost_card_is_paid_out_at_the_counter(shop: Field, card: Card) -> None:
    record = bought(shop, card)
    report_loss(card=card, actor="clerk", reason="lost", occurred_at=NOON + timedelta(hours=1))
    assert reverse(shop, record).status_code == 201
    cash = fen("1011")
    reverse_topup(order=TopUpOrder.objects.get(), actor=CLERK, reason="card lost")
    assert (fen("2031"), fen("1011")) == (0, cash - 3_000)
    assert ledger.broken() == []


def test_a_day_of_more_refunds_than_sales_is_cleared(shop: Field, card: Card) -> None:
    record = bought(shop, card, 2_000)
    clear_day(day=TODAY)
    tomorrow = TODAY + timedelta(days=1)
    bought(shop, card, 300, atc=2)
    refund(shop, record, amount_fen=1_500)
    clear_day(day=tomorrow)
    statement = Statement.objects.get(run_id=tomorrow)
    assert (statement.gross_fen, statement.fee_fen, statement.net_fen) == (-1_200, 0, -1_200)
    assert fen("2202", "SHOP") == 0
    assert broken_invariants() == []


@pytest.mark.parametrize("channel", Channel.values)
def test_each_channel_has_its_rule(channel: str, card: Card, demo_keys: KeyStore) -> None:
    field = Field.install(demo_keys, merchant=make_merchant(channel.upper(), channel))
    first, second = bought(field, card), bought(field, card, atc=2)
    rides = channel in ("bus", "metro", "parking")
    assert return_rule(channel, TODAY).refund_days == (0 if rides else 30)
    assert reverse(field, first).status_code == 201
    refused = (409, "return_not_allowed")
    if rides:
        assert code(refund(field, second)) == refused
    publish_return_policy(
        channel=channel, valid_from=TODAY, cancel=False, refund_days=10_000, legal_basis="test", actor="clerk"
    )
    assert code(reverse(field, second)) == refused
    assert refund(field, second).status_code == 201


def test_the_database_keeps_them_within_the_purchase(shop: Field, card: Card) -> None:
    refund(shop, bought(shop, card, 1_000), amount_fen=600)
    copy = "INSERT INTO terminals_purchasereturn (tap_date, tap_id, terminal_id, number, amount_fen, order_id, business_date, occurred_at) SELECT tap_date, tap_id, terminal_id, 9, 401, %s, business_date, occurred_at FROM terminals_purchasereturn"
    with connection.cursor() as cursor:
        order = paid_order(card, 100)
        with pytest.raises(IntegrityError, match="more given back"), transaction.atomic():
            cursor.execute(copy, [order.pk])
        for statement in (
            "UPDATE terminals_purchasereturn SET amount_fen = 1",
            "DELETE FROM terminals_returnpolicy",
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE terminals_purchasereturn SET amount_fen = 1",
        "UPDATE accounts_topuporder SET party = 'PARK' WHERE channel = 'refund'",
        "UPDATE terminals_tap SET amount_fen = 599",
        "DELETE FROM terminals_purchasereturn",
    ],
)
def test_the_audit_finds_a_return_that_is_none(shop: Field, card: Card, statement: str) -> None:
    refund(shop, bought(shop, card, 1_000), amount_fen=600)
    assert broken() == []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert any("what is given back" in breach.invariant for breach in broken())


class _Undo(Exception):
    pass


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    paid=st.integers(1, 1_000),
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 1_000)), min_size=1, max_size=5),
)
def test_any_refunds_leave_merchant_and_transit_as_the_model(
    shop: Field, card: Card, paid: int, steps: list[tuple[int, int]]
) -> None:
    """Numbers repeated or new, amounts that fit or not: what is given back is what first came under each number."""
    try:
        with transaction.atomic():
            record, taken = bought(shop, card, paid), dict[int, int]()
            for number, amount in steps:
                answered = refund(shop, record, number, amount_fen=amount).status_code
                fits = taken.get(number) == amount or (
                    number not in taken and sum(taken.values()) + amount <= paid
                )
                assert answered == (201 if fits else 409)
                if fits:
                    taken[number] = amount
            given_back = sum(taken.values())
            assert (fen("2202", "SHOP"), fen("2031")) == (paid - given_back, given_back)
            assert ledger.broken() == []
            raise _Undo
    except _Undo:
        pass
