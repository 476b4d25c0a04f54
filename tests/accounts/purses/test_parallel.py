"""One card, many channels at the same moment: nothing lost, nothing spent twice, never below the floor."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import perf_counter

import pytest
from django.db import connection, transaction

from accounts.errors import IllegalHoldTransition, LimitExceeded, PurseFloorReached
from accounts.models import Card, Hold, LedgerAccount, Payment, Purse
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.selectors.statement import account_statement
from accounts.services import holds, limits, topup
from accounts.services.payments import pay, refund_payment
from tests.accounts.purses.crowd import CLIENTS, FULL, crowd
from tests.accounts.purses.filling import fresh
from tests.accounts.threads import in_threads
from tests.factories import CLERK, NOON
from tests.fixtures_accounts import TODAY

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 50 if FULL else 2
LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _crowd(db: None) -> Iterator[None]:
    with crowd():
        yield


@dataclass(frozen=True)
class Client:
    """Someone at the card's purse; every step returns what it has been told to have changed, in fen."""

    number: int
    purse: Purse
    shop: LedgerAccount

    def key(self, turn: int) -> str:
        return f"client-{self.number}-{turn}"

    def pay(self, turn: int) -> tuple[str, int]:
        self.payment(turn, 10)
        return "paid", -10

    def pay_twice(self, turn: int) -> tuple[str, int]:
        for _ in range(2):
            self.payment(turn, 10)
        return "paid twice with one key", -10

    def pay_and_take_back(self, turn: int) -> tuple[str, int]:
        payment = self.payment(turn, 10)
        refund_payment(
            payment=payment,
            amount_fen=4,
            key=self.key(turn),
            actor="shop",
            reason="returned",
            occurred_at=NOON,
        )
        return "paid, part of it given back", -6

    def capture(self, turn: int) -> tuple[str, int]:
        hold = self.hold(turn)
        take = partial(holds.capture, hold=hold, actor="bike", occurred_at=NOON)
        take(amount_fen=5, key=f"{self.key(turn)}-1", final=False)
        take(amount_fen=3, key=f"{self.key(turn)}-2")
        return "reserved and captured", -8

    def release(self, turn: int) -> tuple[str, int]:
        holds.release(hold=self.hold(turn), occurred_at=NOON)
        return "reserved and released", 0

    def top_up(self, turn: int) -> tuple[str, int]:
        order = topup.order_topup(
            card=self.purse.card,
            amount_fen=100,
            channel="cash",
            actor=CLERK,
            occurred_at=NOON,
            purse_kind=Purse.Kind.ACCOUNT,
        )
        topup.receive_cash(order=order, actor=CLERK)
        return "topped up", 100

    def payment(self, turn: int, amount_fen: int) -> Payment:
        return pay(
            purse=self.purse,
            payee=self.shop.pk,
            amount_fen=amount_fen,
            key=self.key(turn),
            channel="qr",
            actor="shop",
            occurred_at=NOON,
        )

    def hold(self, turn: int) -> Hold:
        return holds.reserve(
            purse=self.purse,
            payee=self.shop.pk,
            amount_fen=12,
            key=self.key(turn),
            channel="bike",
            expires_at=LATER,
            reason="bike",
            actor="bike",
            occurred_at=NOON,
        )


def turns(client: Client) -> list[tuple[str, int]]:
    """Some steps in an order of the client's own, and what it was told of each."""
    steps: list[Callable[[int], tuple[str, int]]] = [
        client.pay,
        client.pay_twice,
        client.pay_and_take_back,
        client.capture,
        client.release,
        client.top_up if client.number % 2 == 0 else client.pay,
    ]
    chooser = random.Random(client.number)
    told = []
    for turn in range(ROUNDS):
        try:
            told.append(chooser.choice(steps)(turn))
        except PurseFloorReached:
            told.append(("refused", 0))
    return told


def at_once(*steps: Callable[[], object]) -> None:
    """Take the steps together; a hold that is over already is no fault."""
    in_threads(len(steps), lambda at: steps[at](), IllegalHoldTransition)


def test_two_hundred_clients_on_one_card(
    purse: Purse, shop: LedgerAccount, record_property: Callable[[str, object], None]
) -> None:
    began = perf_counter()
    answers = in_threads(CLIENTS, lambda number: turns(Client(number, purse, shop)))
    seconds = perf_counter() - began
    told = [answer for client in answers for answer in client]
    counts = Counter(what for what, _ in told)
    now = fresh(purse)
    assert now.balance_fen == 1_000 + sum(fen for _, fen in told)
    assert account_balance_fen(shop.pk) == -sum(fen for what, fen in told if what != "topped up")
    assert now.held_fen == 0
    assert counts["refused"] > 0, "the purse was never at its floor"
    lowest = min(line.balance_fen for line in account_statement(purse.account_id, limit=10**6).lines)
    assert lowest >= 0
    assert invariants.broken() == []
    steps = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    record_property(
        "counted",
        f"{CLIENTS} clients on one card of 10 yuan, {len(told) / seconds:.0f} steps/s: {steps};"
        f" lowest balance {lowest} fen, lost 0",
    )


def test_control_reading_first_and_writing_then_loses_money(
    purse: Purse, record_property: Callable[[str, object], None]
) -> None:
    """The same crowd, where each looks at the balance and writes what it should be: many are told yes, few are counted."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE naive_purse AS SELECT 1000 AS balance_fen")

    def spend(_: int) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT balance_fen FROM naive_purse")
            balance_fen = cursor.fetchone()[0]
            if balance_fen < 10:
                return 0
            cursor.execute("UPDATE naive_purse SET balance_fen = %s", [balance_fen - 10])
        return 10

    try:
        told_fen = sum(in_threads(CLIENTS, spend))
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1000 - balance_fen FROM naive_purse")
            counted_fen = cursor.fetchone()[0]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE naive_purse")
    assert told_fen > counted_fen
    record_property("counted", f"control: {told_fen} fen acknowledged, {counted_fen} fen taken")


def test_one_bill_paid_by_twenty_at_once_is_paid_once(purse: Purse, shop: LedgerAccount) -> None:
    client = Client(1, purse, shop)
    payments = in_threads(20, lambda _: client.payment(1, 100))
    assert len({payment.pk for payment in payments}) == 1
    assert fresh(purse).balance_fen == 900


def test_one_hold_captured_released_and_swept_at_once_ends_once(purse: Purse, shop: LedgerAccount) -> None:
    """Whoever is first, the purse has nothing set aside and was paid from once at most."""
    for turn in range(10):
        client = Client(turn, purse, shop)
        hold = client.hold(turn)
        before = fresh(purse).balance_fen
        take = partial(
            holds.capture,
            hold=hold,
            amount_fen=12,
            key=f"take-{turn}",
            actor="bike",
            occurred_at=NOON,
        )
        free, sweep = (
            partial(holds.release, hold=hold, occurred_at=NOON),
            partial(holds.expire_holds, now=LATER),
        )
        at_once(take, free, sweep, take, free, sweep)
        ended = Hold.objects.get(pk=hold.pk)
        assert ended.state != Hold.State.RESERVED
        assert fresh(purse).balance_fen == before - ended.captured_fen
        assert fresh(purse).held_fen == 0


def test_a_days_limit_is_not_passed_together(purse: Purse, shop: LedgerAccount) -> None:
    limits.publish_limit(
        code="day",
        measure="daily",
        operation="payment",
        limit_fen=200,
        valid_from=TODAY,
        legal_basis="test",
        actor=CLERK,
    )
    outcomes = in_threads(40, lambda number: Client(number, purse, shop).payment(0, 10), LimitExceeded)
    assert sum(isinstance(outcome, Payment) for outcome in outcomes) == 20
    assert fresh(purse).balance_fen == 800


def test_control_a_days_limit_judged_without_the_lock_is_passed(purse: Purse, shop: LedgerAccount) -> None:
    def naive(number: int) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT accounts_limit_used(%s, 'payment', '', %s, %s)", [purse.pk, TODAY, TODAY])
            used_fen = cursor.fetchone()[0]
        if used_fen + 10 > 200:
            return False
        Client(number, purse, shop).payment(0, 10)
        return True

    assert sum(in_threads(40, naive)) > 20


def test_orders_at_once_do_not_pass_the_days_limit_of_top_ups(card: Card, purse: Purse) -> None:
    limits.publish_limit(
        code="day",
        measure="daily",
        operation="top_up",
        limit_fen=1_000,
        valid_from=TODAY,
        legal_basis="test",
        actor=CLERK,
    )

    def order(_: int) -> object:
        return topup.order_topup(card=card, amount_fen=250, channel="cash", actor=CLERK, occurred_at=NOON)

    outcomes = in_threads(12, order, LimitExceeded)
    assert sum(not isinstance(outcome, LimitExceeded) for outcome in outcomes) == 4
