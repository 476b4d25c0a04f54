"""The model: a book kept by hand, entry by entry, from what people at counters, gateways and chips have seen happen.

It knows neither posting templates nor the database's tables; amounts in fen. A place is a chart account or ("purse", id).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db import connection

Place = str | tuple[str, int]

MONEY_IN = {
    "cash": "1011",
    "agent": "1013",
    "kiosk": "1014",
    "gateway": "1012",
    "mandate": "1015",
    "subsidy": "1231",
}
# Purses by their own balance: the tallies of their control accounts are the audit's to compare.
_LEDGER = """
SELECT account.chart, 0, sum(tally.debit_fen - tally.credit_fen)
FROM accounts_tally AS tally JOIN accounts_ledgeraccount AS account ON account.id = tally.account_id
WHERE account.chart NOT IN ('2011', '2012', '2013') GROUP BY 1
UNION ALL SELECT NULL, id, -balance_fen FROM accounts_purse
"""
_ORDERS = """
SELECT id, number, state, paid_at IS NOT NULL, channel, amount_fen, purse_id, gateway_id IS NOT NULL
FROM accounts_topuporder
"""

_GATEWAY_REFUNDS = """
SELECT refund.id, channel, CASE refund.state WHEN 'succeeded' THEN refund.amount_fen ELSE 0 END
FROM accounts_gatewayrefund AS refund JOIN accounts_topuporder AS topup ON topup.id = refund.order_id
"""


@dataclass(frozen=True, slots=True)
class Order:
    """How far a top-up has come, as its document says."""

    number: str
    state: str
    paid: bool
    channel: str
    amount_fen: int
    purse_id: int
    at_gateway: bool


class Book:
    """What must be where: net debit of every place."""

    def __init__(self) -> None:
        self.fen: Counter[Place] = Counter()
        self.orders: dict[int, Order] = {}
        self.given_back: dict[int, int] = {}

    def move(self, debit: Place, credit: Place, amount_fen: int) -> None:
        """Value goes from the credit side to the debit side."""
        self.fen[debit] += amount_fen
        self.fen[credit] -= amount_fen

    def holds(self, place: Place) -> int:
        """The net credit of a place: what it owes, or has as income."""
        return -self.fen[place]

    def purse_fen(self, purse_id: int) -> int:
        """What a purse holds."""
        return self.holds(("purse", purse_id))

    def follow_orders(self) -> list[tuple[Order | None, Order]]:
        """Enter what has become of top-ups since last time; before and after of each that changed."""
        with connection.cursor() as cursor:
            cursor.execute(_ORDERS)
            now = {row[0]: Order(*row[1:]) for row in cursor.fetchall()}
        changed = [(self.orders.get(pk), order) for pk, order in now.items() if self.orders.get(pk) != order]
        for before, after in changed:
            for debit, credit in _entries(before):
                self.move(credit, debit, after.amount_fen)
            for debit, credit in _entries(after):
                self.move(debit, credit, after.amount_fen)
        self.orders = now
        return changed

    def follow_gateway_refunds(self) -> None:
        """Enter what the gateway has given back, and what came back from the payers' banks."""
        with connection.cursor() as cursor:
            cursor.execute(_GATEWAY_REFUNDS)
            now = {pk: (channel, int(fen)) for pk, channel, fen in cursor.fetchall()}
        for pk, (channel, fen) in now.items():
            self.move("2032", MONEY_IN[channel], fen - self.given_back.get(pk, 0))
            self.given_back[pk] = fen

    def differences(self) -> dict[Place, tuple[int, int]]:
        """Places where book and ledger differ: (book, ledger), net debit. Empty is good."""
        with connection.cursor() as cursor:
            cursor.execute(_LEDGER)
            ledger: dict[Place, int] = {
                chart or ("purse", purse_id): int(fen) for chart, purse_id, fen in cursor.fetchall()
            }
        return {
            place: (self.fen[place], ledger.get(place, 0))
            for place in self.fen.keys() | ledger.keys()
            if self.fen[place] != ledger.get(place, 0)
        }


def _entries(order: Order | None) -> list[tuple[Place, Place]]:
    """Debit and credit of everything that has happened to the order's money."""
    if order is None or not order.paid:
        return []
    entries: list[tuple[Place, Place]] = [(MONEY_IN[order.channel], "2031")]
    if order.state == "confirmed":
        entries.append(("2031", ("purse", order.purse_id)))
    if order.state == "reversed":
        entries.append(("2031", _way_back(order)))
    return entries


def _way_back(order: Order) -> str:
    if order.at_gateway:
        return "2032"
    return "1011" if order.channel == "kiosk" else MONEY_IN[order.channel]
