"""What the purse transactions differ in, as a table: purse, key, counter, PIN (JR/T 0025.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from terminals.card.commands import DEPOSIT, PURSE, InitMode
from terminals.card.crypto import TransactionType
from terminals.card.keys import KeySlot
from terminals.card.messages import LoadInit, OverdraftInit, PurchaseInit


@dataclass(frozen=True, slots=True)
class Transaction:
    """One kind of transaction. Online ones are authorised by the host's MAC2, the others by a SAM's MAC1."""

    kind: TransactionType
    purse: int
    key: KeySlot
    online: bool
    wants_pin: bool = True

    @property
    def answer(self) -> int:
        """Length of the answer to INITIALIZE."""
        if self.kind is TransactionType.OVERDRAFT_UPDATE:
            return OverdraftInit.length()
        return LoadInit.length() if self.online else PurchaseInit.length()


@dataclass(slots=True)
class Pending:
    """A transaction begun by INITIALIZE: everything its second half needs."""

    transaction: Transaction
    terminal_no: bytes
    rand: bytes
    amount_fen: int = 0
    """0 for an update of the overdraft limit, which moves no money."""
    cached: list[tuple[int, int, bytes]] = field(default_factory=list)
    """The CAPP cache: file, place in it, record."""


_KIND = TransactionType
TRANSACTIONS: Final = {
    (InitMode.LOAD, PURSE): Transaction(_KIND.LOAD, PURSE, KeySlot.LOAD, online=True),
    (InitMode.LOAD, DEPOSIT): Transaction(_KIND.ED_LOAD, DEPOSIT, KeySlot.LOAD, online=True),
    (InitMode.PURCHASE, PURSE): Transaction(
        _KIND.PURCHASE, PURSE, KeySlot.PURCHASE, online=False, wants_pin=False
    ),
    (InitMode.PURCHASE, DEPOSIT): Transaction(_KIND.ED_PURCHASE, DEPOSIT, KeySlot.PURCHASE, online=False),
    (InitMode.CASH_WITHDRAW, DEPOSIT): Transaction(
        _KIND.ED_WITHDRAW, DEPOSIT, KeySlot.PURCHASE, online=False
    ),
    (InitMode.CAPP_PURCHASE, PURSE): Transaction(
        _KIND.CAPP_PURCHASE, PURSE, KeySlot.PURCHASE, online=False, wants_pin=False
    ),
    (InitMode.UPDATE, DEPOSIT): Transaction(_KIND.OVERDRAFT_UPDATE, DEPOSIT, KeySlot.OVERDRAFT, online=True),
    (InitMode.UNLOAD, DEPOSIT): Transaction(_KIND.UNLOAD, DEPOSIT, KeySlot.UNLOAD, online=True),
}
"""By P1 of INITIALIZE and purse selector. A load, an unload or an update goes online and wants the PIN."""
