"""Limits: to the fen, from their day on, in their scope only, and said by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from accounts.errors import AmountOutOfRange, BalanceLimitExceeded, LimitExceeded
from accounts.models import Card, Citizen, LimitPolicy, Purse, TopUpOrder
from accounts.selectors.limits import limits_in_force
from accounts.services import holds, limits
from accounts.services.ledger import open_account
from accounts.services.payments import account_purse, pay, refund_payment
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import CitizenCardError, Conflict, InvalidField
from citizencard.core.models import AuditEntry
from citizencard.core.problems import problem_of
from citizencard.demo.city import City
from tests.accounts.purses.filling import fill, fresh
from tests.factories import CLERK, NOON, make_card, make_citizen, make_order, make_product
from tests.fixtures_accounts import TODAY
from tests.fixtures_core import PROJECT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
LAW = "the law, article 1"
DAY = timedelta(days=1)


def publish(code: str = "rule", **changes: Any) -> LimitPolicy:
    values: dict[str, Any] = {
        "measure": "single",
        "operation": "top_up",
        "limit_fen": 100_000,
        "valid_from": date(2026, 1, 1),
        "legal_basis": LAW,
        "actor": CLERK,
    }
    return limits.publish_limit(code=code, **values | changes)


@pytest.fixture
def card() -> Card:
    return make_card(
        product=make_product(
            price_fen=0, deposit_fen=0, balance_limit_fen=1_000_000, account_limit_fen=1_000_000
        )
    )


@pytest.fixture
def purse(card: Card) -> Purse:
    """An account purse of 9,000 yuan."""
    purse = account_purse(card)
    fill(purse, 900_000)
    return fresh(purse)


@pytest.fixture
def shop() -> int:
    return open_account(chart="2202", owner="shop").pk


def topup(card: Card, amount_fen: int, on: date = TODAY, channel: str = "cash") -> None:
    limits.check_topup(purse=card.purse, amount_fen=amount_fen, channel=channel, on=on)


BOUNDARIES = [(99_999, True), (100_000, True), (100_001, False)]


@pytest.mark.parametrize("measure", ["single", "daily", "monthly", "balance"])
@pytest.mark.parametrize(("amount_fen", "allowed"), BOUNDARIES)
def test_a_top_up_to_the_fen(measure: str, amount_fen: int, allowed: bool, card: Card) -> None:
    publish(measure=measure)
    if allowed:
        return topup(card, amount_fen)
    with pytest.raises(LimitExceeded) as refusal:
        topup(card, amount_fen)
    said = refusal.value.data
    assert (said["limit_code"], said["limit_fen"], said["used_fen"]) == ("rule", 100_000, 0)
    assert refusal.value.rule == LAW
    return None


@pytest.mark.parametrize("measure", ["single", "daily", "monthly"])
@pytest.mark.parametrize(("amount_fen", "allowed"), BOUNDARIES)
def test_a_payment_to_the_fen(measure: str, amount_fen: int, allowed: bool, purse: Purse, shop: int) -> None:
    publish(measure=measure, operation="payment")

    def buy() -> None:
        pay(
            purse=purse,
            payee=shop,
            amount_fen=amount_fen,
            key="bill",
            channel="qr",
            actor="shop",
            occurred_at=NOON,
        )

    if allowed:
        buy()
    else:
        with pytest.raises(LimitExceeded) as refusal:
            buy()
        assert refusal.value.rule == LAW
    assert fresh(purse).balance_fen == 900_000 - amount_fen * allowed


@pytest.mark.parametrize(("amount_fen", "allowed"), [(99, False), (100, True), (101, True)])
def test_a_smallest_amount(amount_fen: int, allowed: bool, card: Card) -> None:
    publish(measure="minimum", limit_fen=100)
    publish("largest", limit_fen=2_000)
    if allowed:
        return topup(card, amount_fen)
    with pytest.raises(AmountOutOfRange) as refusal:
        topup(card, amount_fen)
    assert refusal.value.data["minimum_fen"] == 100
    assert refusal.value.data["maximum_fen"] == 2_000
    return None


def test_what_is_no_amount_is_out_of_range(card: Card) -> None:
    for amount_fen in (0, -1, 1.5, "1", None, 2**64):
        with pytest.raises(AmountOutOfRange):
            topup(card, amount_fen)  # type: ignore[arg-type]


def test_a_version_holds_from_its_day_until_its_successors(card: Card) -> None:
    publish(limit_fen=100)
    publish(limit_fen=200, valid_from=TODAY)
    publish(limit_fen=50, valid_from=TODAY + 10 * DAY, valid_until=TODAY + 11 * DAY)
    for on, limit_fen in [
        (TODAY - DAY, 100),
        (TODAY, 200),
        (TODAY + 9 * DAY, 200),
        (TODAY + 10 * DAY, 50),
        (TODAY + 11 * DAY, 50),
    ]:
        topup(card, limit_fen, on)
        with pytest.raises(AmountOutOfRange):
            topup(card, limit_fen + 1, on)
        assert [limit.limit_fen for limit in limits_in_force(on)] == [limit_fen]
    for on in (date(2025, 12, 31), TODAY + 12 * DAY):
        topup(card, 999_999, on)
        assert not limits_in_force(on).exists()


def test_a_successor_may_have_another_scope(card: Card) -> None:
    publish(limit_fen=100)
    publish(limit_fen=100, channel="agent", valid_from=TODAY)
    topup(card, 101)
    with pytest.raises(AmountOutOfRange):
        topup(card, 101, channel="agent")


def test_the_strictest_of_all_that_fit_refuses(card: Card) -> None:
    publish("wide", limit_fen=500)
    publish("narrow", limit_fen=300, channel="cash", product=card.product, level=0)
    publish("elsewhere", limit_fen=1, channel="agent")
    publish("others", limit_fen=1, product=make_product(code="other"))
    publish("known", limit_fen=1, level=1)
    with pytest.raises(AmountOutOfRange) as refusal:
        topup(card, 501)
    assert refusal.value.data["limit_code"] == "narrow"
    topup(card, 300)


@pytest.mark.parametrize("level", [1, 2])
def test_the_holders_level_counts(level: int) -> None:
    citizen = make_citizen()
    Citizen.objects.filter(pk=citizen.pk).update(level=level)
    card = make_card(citizen=citizen)
    for each in (0, 1, 2):
        publish(f"level-{each}", limit_fen=(each + 1) * 1_000, level=each)
    topup(card, (level + 1) * 1_000)
    with pytest.raises(AmountOutOfRange) as refusal:
        topup(card, (level + 1) * 1_000 + 1)
    assert refusal.value.data["limit_code"] == f"level-{level}"


def test_the_products_own_ceiling_needs_no_rule(card: Card) -> None:
    with pytest.raises(AmountOutOfRange) as refusal:
        topup(card, 1_000_001)
    assert refusal.value.data["limit_code"] == card.product_id
    fill(card.purse, 1)
    with pytest.raises(BalanceLimitExceeded) as full:
        topup(Card.objects.get(pk=card.pk), 1_000_000)
    assert full.value.data["balance_fen"] == 1_000_001


def test_value_in_transit_counts_for_the_balance_and_unpaid_orders_for_the_day(card: Card) -> None:
    publish("balance", measure="balance", limit_fen=10_000)
    publish("day", measure="daily", limit_fen=10_000)
    order = make_order(card=card, amount_fen=6_000)
    with pytest.raises(LimitExceeded) as refusal:
        make_order(card=card, amount_fen=4_001)
    assert refusal.value.data["limit_code"] == "day"
    TopUpOrder.objects.filter(pk=order.pk).update(state="paid", paid_at=NOON)
    assert limits.promised_fen(card.purse) == 6_000
    with pytest.raises(BalanceLimitExceeded) as full:
        make_order(card=card, amount_fen=4_001, occurred_at=NOON + DAY)
    assert full.value.data["used_fen"] == 6_000
    make_order(card=card, amount_fen=4_000)


def test_a_reversed_order_gives_its_share_of_the_day_back(card: Card) -> None:
    publish("day", measure="daily", limit_fen=10_000)
    order = make_order(card=card, amount_fen=10_000)
    with pytest.raises(LimitExceeded):
        make_order(card=card, amount_fen=1)
    TopUpOrder.objects.filter(pk=order.pk).update(state="reversed", reversed_at=NOON)
    make_order(card=card, amount_fen=10_000)


def test_the_chips_own_word_is_judged_when_it_is_loaded(card: Card) -> None:
    publish("balance", measure="balance", limit_fen=10_000)
    publish("day", measure="daily", limit_fen=1)
    limits.check_load(purse=card.purse, amount_fen=4_000, chip_balance_fen=6_000, on=TODAY)
    with pytest.raises(BalanceLimitExceeded):
        limits.check_load(purse=card.purse, amount_fen=4_000, chip_balance_fen=6_001, on=TODAY)


def test_a_day_and_a_month_end_at_midnight_in_shanghai(purse: Purse, shop: int) -> None:
    publish("day", measure="daily", operation="payment", limit_fen=100)
    publish("month", measure="monthly", operation="payment", limit_fen=250)
    last = NOON.replace(day=31, hour=23, minute=59, second=59)
    keys = iter(range(100))

    def buy(amount_fen: int, when: Any) -> str | None:
        try:
            pay(
                purse=purse,
                payee=shop,
                amount_fen=amount_fen,
                key=f"bill-{next(keys)}",
                channel="qr",
                actor="shop",
                occurred_at=when,
            )
        except LimitExceeded as refusal:
            return str(refusal.data["limit_code"])
        return None

    assert buy(100, last) is None
    assert buy(1, last - timedelta(hours=23)) == "day"
    assert buy(100, last - timedelta(days=1)) is None
    assert buy(51, last - timedelta(days=29)) == "month"
    assert buy(50, last - timedelta(days=29)) is None
    assert buy(100, (last + timedelta(seconds=1)).astimezone(SHANGHAI)) is None
    assert buy(1, last - timedelta(days=15)) == "month"


def test_a_rule_of_a_channel_counts_that_channel_only(purse: Purse, shop: int) -> None:
    publish("qr", measure="daily", operation="payment", channel="qr", limit_fen=100)
    for key, channel in (("a", "portal"), ("b", "qr")):
        pay(
            purse=purse,
            payee=shop,
            amount_fen=100,
            key=key,
            channel=channel,
            actor="shop",
            occurred_at=NOON,
        )
    with pytest.raises(LimitExceeded) as refusal:
        limits.check_payment(purse=purse, amount_fen=1, channel="qr", on=TODAY)
    assert refusal.value.data["used_fen"] == 100
    limits.check_payment(purse=purse, amount_fen=1, channel="portal", on=TODAY)


def test_refunds_give_room_back_and_holds_take_it(purse: Purse, shop: int) -> None:
    publish("day", measure="daily", operation="payment", limit_fen=1_000)
    common: dict[str, Any] = {"actor": "shop", "occurred_at": NOON}
    payment = pay(purse=purse, payee=shop, amount_fen=1_000, key="a", channel="qr", **common)
    refund_payment(payment=payment, amount_fen=400, key="r", reason="", **common)
    tomorrow = NOON + DAY
    hold = holds.reserve(
        purse=purse,
        payee=shop,
        amount_fen=400,
        key="h",
        channel="qr",
        expires_at=tomorrow + DAY,
        reason="bike",
        **common,
    )

    def room(on: date) -> int:
        with pytest.raises(LimitExceeded) as refusal:
            limits.check_payment(purse=purse, amount_fen=1_001, channel="qr", on=on)
        return int(refusal.value.data["limit_fen"] - refusal.value.data["used_fen"])

    assert room(TODAY) == 0
    holds.capture(hold=hold, amount_fen=100, key="c", actor="shop", occurred_at=tomorrow, final=False)
    assert (room(TODAY), room(TODAY + DAY)) == (0, 1_000)
    holds.release(hold=hold, occurred_at=tomorrow)
    assert (room(TODAY), room(TODAY + DAY)) == (300, 1_000)


def test_a_check_is_one_statement(
    card: Card, django_assert_num_queries: Callable[..., Any], prepared_calls: list[str]
) -> None:
    for at, measure in enumerate(["minimum", "single", "daily", "monthly", "balance"]):
        publish(f"rule-{at}", measure=measure, limit_fen=100)
    purse = card.purse
    with django_assert_num_queries(0):
        limits.check_topup(purse=purse, amount_fen=100, channel="cash", on=TODAY)
    assert len(prepared_calls) == 1


@translation.override("en")
def test_publishing_is_audited_repeatable_and_only_ever_adds(card: Card) -> None:
    first = publish()
    assert publish() == first
    trace = AuditEntry.objects.get(action="limit.publish")
    assert (trace.actor, trace.subject, trace.detail["limit_fen"]) == (CLERK, "limit:rule", 100_000)
    with pytest.raises(Conflict):
        publish(limit_fen=1)
    publish(valid_from=TODAY)
    with pytest.raises(InvalidField, match="later version"):
        publish(valid_from=TODAY - DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"measure": "weekly"},
        {"operation": "gift"},
        {"limit_fen": -1},
        {"limit_fen": 1.5},
        {"legal_basis": " "},
    ],
)
def test_a_rule_that_says_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidField):
        publish(**wrong)
    assert not LimitPolicy.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_limitpolicy SET limit_fen = 10000000",
        "DELETE FROM accounts_limitpolicy",
        "TRUNCATE accounts_limitpolicy",
    ],
)
def test_raw_sql_edits_no_rule(statement: str) -> None:
    publish()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE waits for nothing else
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_refusal_names_its_rule_to_a_machine(card: Card) -> None:
    publish()
    with pytest.raises(CitizenCardError) as refusal:
        topup(card, 100_001)
    told = problem_of(refusal.value)
    assert (told["code"], told["limit_code"], told["rule"]) == ("amount_out_of_range", "rule", LAW)


def test_the_citys_own_limits(tmp_path: Any) -> None:
    city = City.read(PROJECT / "fixtures" / "city.json", tmp_path)
    for _ in range(2):
        city.found()
    plan = json.loads((PROJECT / "fixtures" / "city.json").read_text("utf-8"))["limits"]
    assert LimitPolicy.objects.count() == len(plan)
    anonymous = make_card(product=make_product(price_fen=0, deposit_fen=0))
    topup(anonymous, 100_000)
    for amount_fen, channel, code in [
        (100_001, "cash", "balance-anonymous"),
        (20_001, "agent", "topup-agent"),
        (99, "cash", "topup-smallest"),
    ]:
        with pytest.raises(LimitExceeded) as refusal:
            topup(anonymous, amount_fen, channel=channel)
        assert refusal.value.data["limit_code"] == code
        assert refusal.value.rule
