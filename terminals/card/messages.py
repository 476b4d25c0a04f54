"""Data fields of the purse commands and of their answers (JR/T 0025.2), each as one layout for both ends of the line.

A terminal builds the command's field and parses the answer; a chip (the simulator) does the opposite.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from terminals.card.layout import LOCAL_TIME, Layout, raw, uint


@dataclass(frozen=True, slots=True)
class InitData(Layout):
    """INITIALIZE FOR LOAD, PURCHASE, CASH WITHDRAW, CAPP PURCHASE and UNLOAD, 11 bytes."""

    key_index: Annotated[int, uint(1)]
    amount_fen: Annotated[int, uint(4)]
    terminal_no: Annotated[bytes, raw(6)]


@dataclass(frozen=True, slots=True)
class UpdateInitData(Layout):
    """INITIALIZE FOR UPDATE of the overdraft limit, 7 bytes."""

    key_index: Annotated[int, uint(1)]
    terminal_no: Annotated[bytes, raw(6)]


@dataclass(frozen=True, slots=True)
class HostData(Layout):
    """CREDIT FOR LOAD and DEBIT FOR UNLOAD, 11 bytes: the host's time and MAC2."""

    when: Annotated[datetime, LOCAL_TIME]
    mac2: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class LimitData(Layout):
    """UPDATE OVERDRAW LIMIT, 14 bytes: the new limit, the host's time and MAC2."""

    limit_fen: Annotated[int, uint(3)]
    when: Annotated[datetime, LOCAL_TIME]
    mac2: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class DebitData(Layout):
    """DEBIT FOR PURCHASE / CAPP PURCHASE / CASH WITHDRAW, 15 bytes: the terminal's sequence and time, the SAM's MAC1."""

    terminal_seq: Annotated[int, uint(4)]
    when: Annotated[datetime, LOCAL_TIME]
    mac1: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class LoadInit(Layout):
    """Answer to INITIALIZE FOR LOAD and FOR UNLOAD; `online_atc` is the counter before the transaction."""

    balance_fen: Annotated[int, uint(4)]
    online_atc: Annotated[int, uint(2)]
    key_version: Annotated[int, uint(1)]
    algorithm: Annotated[int, uint(1)]
    rand: Annotated[bytes, raw(4)]
    mac1: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class PurchaseInit(Layout):
    """Answer to INITIALIZE FOR PURCHASE, CAPP PURCHASE and CASH WITHDRAW.

    The balance includes the overdraft limit; `offline_atc` is the counter before the transaction.
    """

    balance_fen: Annotated[int, uint(4)]
    offline_atc: Annotated[int, uint(2)]
    overdraft_limit_fen: Annotated[int, uint(3)]
    key_version: Annotated[int, uint(1)]
    algorithm: Annotated[int, uint(1)]
    rand: Annotated[bytes, raw(4)]

    @property
    def funds_fen(self) -> int:
        """The holder's own money: balance less overdraft limit; negative when the overdraft is in use."""
        return self.balance_fen - self.overdraft_limit_fen


@dataclass(frozen=True, slots=True)
class OverdraftInit(Layout):
    """Answer to INITIALIZE FOR UPDATE, 19 bytes; one public source only gives this layout."""

    balance_fen: Annotated[int, uint(4)]
    online_atc: Annotated[int, uint(2)]
    limit_fen: Annotated[int, uint(3)]
    key_version: Annotated[int, uint(1)]
    algorithm: Annotated[int, uint(1)]
    rand: Annotated[bytes, raw(4)]
    mac1: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class PurchaseProof(Layout):
    """Answer to DEBIT FOR PURCHASE: the TAC for the issuer, MAC2 for the SAM."""

    tac: Annotated[bytes, raw(4)]
    mac2: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class TransactionProof:
    """Answer to GET TRANSACTION PROVE: the finished transaction's MAC (MAC2, of an unload MAC3) and TAC once more."""

    mac: bytes
    tac: bytes


@dataclass(frozen=True, slots=True)
class SamInitData(Layout):
    """INIT SAM FOR PURCHASE, the 20 bytes before the diversification factors."""

    rand: Annotated[bytes, raw(4)]
    offline_atc: Annotated[int, uint(2)]
    amount_fen: Annotated[int, uint(4)]
    kind: Annotated[int, uint(1)]
    when: Annotated[datetime, LOCAL_TIME]
    key_version: Annotated[int, uint(1)]
    algorithm: Annotated[int, uint(1)]


@dataclass(frozen=True, slots=True)
class SamDebit(Layout):
    """Answer to INIT SAM FOR PURCHASE: the terminal's sequence number and MAC1 for the card."""

    terminal_seq: Annotated[int, uint(4)]
    mac1: Annotated[bytes, raw(4)]
