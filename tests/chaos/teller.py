"""A client of the services: posts, pays, holds and captures, tops up; and one that reads everything at one moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from accounts.models import Hold, Journal, Purse, TopUpOrder, Transfer
from accounts.services import holds, topup
from accounts.services.ledger import Leg, post_journal
from accounts.services.payments import pay
from citizencard.core.errors import CitizenCardError
from tests.chaos.house import wait_for_database
from tests.chaos.storm import Gauge, Promises

Answer = TypeVar("Answer")
AMOUNT_MAX_FEN: Final = 50
TURNS: Final = ("post", "post", "post", "pay", "pay", "hold", "top_up")
_READ_SECONDS: Final = 0.05
_PURSES: Final = "SELECT sum(balance_fen) FROM accounts_purse"
_OTHERS: Final = """
SELECT coalesce(sum(debit_fen - credit_fen), 0) FROM accounts_tally
JOIN accounts_ledgeraccount ON accounts_ledgeraccount.id = account_id WHERE chart NOT IN ('2011', '2012', '2013')
"""


@dataclass
class Teller:
    """Works at any of the purses until it is time to close; every call carries a key and is repeated until it is answered."""

    purses: Sequence[Purse]
    shop: int
    cash: int

    def __call__(self, number: int, gauge: Gauge) -> Promises:
        """Work; what was promised."""
        self.number, self.gauge, self.promises = number, gauge, Promises()
        self.random, self.turn = random.Random(number), 0
        while not gauge.closing:
            self.turn += 1
            try:
                getattr(self, self.random.choice(TURNS))(
                    f"{number}-{self.turn}",
                    self.random.choice(self.purses),
                    self.random.randint(2, AMOUNT_MAX_FEN),
                )
            except (CitizenCardError, ObjectDoesNotExist) as refusal:
                self.promises.refused.append(
                    f"{self.number}-{self.turn}: {refusal!r} {getattr(refusal, 'data', '')}"
                )
        return self.promises

    def post(self, key: str, purse: Purse, amount_fen: int) -> None:
        # A source of its own, as an event has one; of no kind whose source has a table that would miss it. The numbers just
        # below nought are those of the fillings: the ledger takes a source once.
        source = -((self.number + 1) * 10**9 + self.turn)
        leg = Leg(self.cash, purse.account_id, amount_fen, Transfer.Kind.CARD_SALE, source, timezone.now())
        self._journal(
            f"post:{key}",
            purse,
            amount_fen,
            lambda: post_journal(key=f"post:{key}", kind="test", actor="teller", source=key, legs=[leg]),
        )

    def pay(self, key: str, purse: Purse, amount_fen: int) -> None:
        now = timezone.now()
        self._journal(
            f"payment:{key}",
            purse,
            -amount_fen,
            lambda: pay(
                purse=purse,
                payee=self.shop,
                amount_fen=amount_fen,
                key=key,
                channel="qr",
                actor="teller",
                occurred_at=now,
            ),
        )

    def hold(self, key: str, purse: Purse, amount_fen: int) -> None:
        now = timezone.now()
        hold = self._answered(
            Hold.objects.filter(key=key).exists,
            lambda: holds.reserve(
                purse=purse,
                payee=self.shop,
                amount_fen=amount_fen,
                key=key,
                channel="bike",
                reason="",
                actor="teller",
                expires_at=now + timedelta(hours=1),
                occurred_at=now,
            ),
        )
        half_fen = amount_fen // 2
        self._journal(
            f"payment:{key}",
            purse,
            -half_fen,
            lambda: holds.capture(hold=hold, amount_fen=half_fen, key=key, actor="teller", occurred_at=now),
        )

    def top_up(self, key: str, purse: Purse, amount_fen: int) -> None:
        now = timezone.now()
        order = self._answered(
            TopUpOrder.objects.filter(request_key=key).exists,
            lambda: topup.order_topup(
                card=purse.card,
                amount_fen=amount_fen,
                channel="cash",
                purse_kind=purse.kind,
                actor="teller",
                occurred_at=now,
                request_key=key,
            ),
        )
        self._journal(
            f"topup-loaded:{order.number}",
            purse,
            amount_fen,
            lambda: topup.receive_cash(order=order, actor="teller"),
        )

    def _journal(self, key: str, purse: Purse, fen: int, call: Callable[[], object]) -> None:
        self._answered(Journal.objects.filter(key=key).exists, call)
        self.promises.keys.append(key)
        self.promises.fen[purse.pk] = self.promises.fen.get(purse.pk, 0) + fen

    def _answered(self, done: Callable[[], bool], call: Callable[[], Answer]) -> Answer:
        """The answer, however often the database dies before it comes."""
        while True:
            try:
                answer = call()
            except (OperationalError, InterfaceError):
                self.promises.unsure += 1
                self.promises.known += _asked_again(done)
            else:
                self.gauge.count(self.number)
                return answer


def read_everything(number: int, gauge: Gauge) -> Promises:
    """Sum purses and the rest of the books again and again: once in one snapshot, once in two. What does not agree."""
    promises = Promises()
    while not gauge.closing:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                promises.wrong_reads += _difference_fen() != 0
            promises.torn_reads += _difference_fen() != 0
            promises.reads += 1
        except (OperationalError, InterfaceError):
            wait_for_database()
        time.sleep(_READ_SECONDS)
    return promises


def _difference_fen() -> int:
    """Everything in purses less everything on the other accounts: nought, when both are of one moment."""
    sums = list[int]()
    with connection.cursor() as cursor:
        for statement in (_PURSES, _OTHERS):
            cursor.execute(statement)
            sums.append(int(cursor.fetchone()[0]))
    return sums[0] - sums[1]


def _asked_again(done: Callable[[], bool]) -> bool:
    """Whether it had been done, as soon as somebody answers that."""
    while True:
        wait_for_database()
        try:
            return done()
        except (OperationalError, InterfaceError):
            continue
