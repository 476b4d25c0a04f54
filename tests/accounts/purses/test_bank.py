"""The bank test: whoever reads everything at one moment always finds the same sum, however much is moving."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import perf_counter

import pytest
from django.db import connection, transaction

from accounts.errors import HoldExceeded, IllegalHoldTransition, PurseFloorReached
from accounts.models import Card, Hold, LedgerAccount, Payment, Purse
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import holds
from accounts.services.payments import account_purse, pay, refund_payment
from tests.accounts.purses.crowd import FULL, crowd
from tests.accounts.purses.filling import fill
from tests.accounts.threads import in_threads
from tests.factories import NOON, make_card

pytestmark = pytest.mark.django_db(transaction=True)

MOVERS, READERS = 8, 2
MOVES = 1_000_000 if FULL else 2_400
READS = 10_000 if FULL else 240
PURSES, FILLING_FEN = 10, 2_000


@pytest.fixture(autouse=True)
def _crowd(db: None) -> Iterator[None]:
    with crowd():
        yield


@pytest.fixture
def purses(card: Card) -> list[Purse]:
    """Several purses of 20 yuan."""
    found = [account_purse(card)]
    found += [account_purse(make_card(product=card.product)) for _ in range(PURSES - 1)]
    for purse in found:
        fill(purse, FILLING_FEN)
    return found


def held_and_reserved_fen() -> int:
    """What the purses say is held, less what the holds say is reserved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT sum(held_fen) FROM accounts_purse) - (SELECT coalesce(sum(amount_fen - captured_fen), 0)"
            " FROM accounts_hold WHERE state = 'reserved')"
        )
        return int(cursor.fetchone()[0])


def everything_fen(shop: LedgerAccount) -> tuple[int, int]:
    """All purses and the shop, and the lowest purse: two statements, one after the other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(balance_fen), min(balance_fen - held_fen) FROM accounts_purse WHERE kind = 'account'"
        )
        in_purses_fen, lowest_fen = cursor.fetchone()
    return int(in_purses_fen) + account_balance_fen(shop.pk), int(lowest_fen)


class Mover:
    """Pays, takes back, reserves, captures and releases at random, at any of the purses."""

    def __init__(self, number: int, purses: list[Purse], shop: LedgerAccount) -> None:
        self.number, self.purses, self.shop = number, purses, shop
        self.random = random.Random(number)
        self.payments: list[Payment] = []
        self.holds: list[Hold] = []

    def run(self) -> int:
        """Make this mover's share of the moves; how many were done, not refused."""
        done = 0
        for turn in range(MOVES // MOVERS):
            key = f"{self.number}-{turn}"
            step = self.random.choice([self.pay, self.take_back, self.reserve, self.capture, self.release])
            try:
                done += step(key)
            except (PurseFloorReached, HoldExceeded, IllegalHoldTransition):
                continue
        return done

    def pay(self, key: str) -> bool:
        self.payments.append(
            pay(
                purse=self.random.choice(self.purses),
                payee=self.shop.pk,
                amount_fen=self.random.randint(1, 400),
                key=key,
                channel="qr",
                actor="shop",
                occurred_at=NOON,
            )
        )
        return True

    def take_back(self, key: str) -> bool:
        if not self.payments:
            return False
        payment = self.payments.pop()
        refund_payment(
            payment=payment, amount_fen=payment.amount_fen, key=key, actor="shop", reason="", occurred_at=NOON
        )
        return True

    def reserve(self, key: str) -> bool:
        self.holds.append(
            holds.reserve(
                purse=self.random.choice(self.purses),
                payee=self.shop.pk,
                amount_fen=self.random.randint(1, 400),
                key=key,
                channel="bike",
                expires_at=NOON + timedelta(hours=1),
                reason="bike",
                actor="bike",
                occurred_at=NOON,
            )
        )
        return True

    def capture(self, key: str) -> bool:
        if not self.holds:
            return False
        hold, final = self.random.choice(self.holds), self.random.random() < 0.5
        self.payments.append(
            holds.capture(
                hold=hold,
                amount_fen=self.random.randint(1, 200),
                key=key,
                actor="bike",
                occurred_at=NOON,
                final=final,
            )
        )
        return True

    def release(self, key: str) -> bool:
        if not self.holds:
            return False
        holds.release(hold=self.holds.pop(), occurred_at=NOON)
        return True


def bank(purses: list[Purse], shop: LedgerAccount, read: Callable[[], object]) -> tuple[int, list[object]]:
    """Movers and readers together: moves done, and what was read."""

    def work(number: int) -> object:
        if number < MOVERS:
            return Mover(number, purses, shop).run()
        return [read() for _ in range(READS // READERS)]

    answers = in_threads(MOVERS + READERS, work)
    return sum(answers[:MOVERS]), [seen for reader in answers[MOVERS:] for seen in reader]


def test_every_reader_finds_the_same_sum(
    purses: list[Purse], shop: LedgerAccount, record_property: Callable[[str, object], None]
) -> None:
    def read() -> tuple[int, int, int]:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return *everything_fen(shop), held_and_reserved_fen()

    began = perf_counter()
    moves, seen = bank(purses, shop, read)
    seconds = perf_counter() - began
    sums, lowest, apart = zip(*seen, strict=True)
    assert set(sums) == {PURSES * FILLING_FEN}
    assert min(lowest) >= 0
    assert set(apart) == {0}
    assert invariants.broken() == []
    record_property(
        "counted",
        f"bank: {moves} moves among {PURSES} purses and their holds, {len(seen)} whole reads in {seconds:.0f} s,"
        f" every sum {PURSES * FILLING_FEN}, lowest {min(lowest)}",
    )


def test_control_reading_in_two_snapshots_finds_other_sums(
    purses: list[Purse], shop: LedgerAccount, record_property: Callable[[str, object], None]
) -> None:
    _, seen = bank(purses, shop, lambda: everything_fen(shop)[0])
    wrong = sum(total != PURSES * FILLING_FEN for total in seen)
    assert wrong > 0
    record_property("counted", f"control: {wrong} of {len(seen)} reads in two snapshots found another sum")
