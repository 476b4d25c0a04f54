"""What is said to the key service about one card's dialogue with its host (JR/T 0025.2).

The card's answers to INITIALIZE as they came: counter before increment, balance in fen. `when` is the host's time, as
sent to the card with MAC2.
"""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from terminals.card.crypto import TransactionType


class Dialogue(TypedDict):
    """What names a transaction of one card with its host."""

    serial8: bytes
    key_version: int
    online_atc: int
    terminal_no6: bytes
    when: datetime


class _CardProof(Dialogue):
    rand4: bytes
    balance_fen: int
    mac1: bytes


class UnloadBegun(_CardProof):
    """An unload the card has announced."""

    amount_fen: int


class LoadBegun(UnloadBegun):
    """A load the card has announced, into the purse (LOAD, the default) or the deposit (ED_LOAD)."""

    kind: NotRequired[TransactionType]


class OverdraftBegun(_CardProof):
    """A new overdraft limit the card has announced."""

    old_limit_fen: int
    new_limit_fen: int


class LoadDone(Dialogue):
    """A load the card has confirmed."""

    balance_after_fen: int
    amount_fen: int
    tac: bytes
    kind: NotRequired[TransactionType]


class UnloadDone(Dialogue):
    """An unload the card has confirmed."""

    rand4: bytes
    balance_after_fen: int
    amount_fen: int
    mac3: bytes


class OverdraftDone(Dialogue):
    """A limit the card has confirmed; `balance_after_fen` is the balance plus the limit's change."""

    balance_after_fen: int
    new_limit_fen: int
    tac: bytes
