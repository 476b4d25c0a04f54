"""A session with the electronic purse on a card: read it, load it, pay with it (JR/T 0025.2, JT/T 978)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

from terminals.card import commands
from terminals.card.apdu import RecordNotFound
from terminals.card.errors import FormatError
from terminals.card.files import (
    EF1E,
    EF15,
    EF16,
    EF17,
    EF18,
    Fci,
    HolderInfo,
    LogRecord,
    ManagementInfo,
    PublicInfo,
    TripRecord,
)
from terminals.card.layout import Layout, raw, uint
from terminals.card.profile import T_UNION, CardProfile
from terminals.card.transport import ResponseChain, Transport, exchange

LOG_RECORDS: Final = 10
TRIP_RECORDS: Final = 30
BALANCE_MASK: Final = 0x7FFF_FFFF
"""Some cards set the balance's top bit; it is a flag, not money."""

Record = TypeVar("Record", bound=Layout)


@dataclass(frozen=True, slots=True)
class LoadInit(Layout):
    """Answer to INITIALIZE FOR LOAD; `online_atc` is the counter before this load."""

    balance_fen: Annotated[int, uint(4)]
    online_atc: Annotated[int, uint(2)]
    key_version: Annotated[int, uint(1)]
    algorithm: Annotated[int, uint(1)]
    rand: Annotated[bytes, raw(4)]
    mac1: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class PurchaseInit(Layout):
    """Answer to INITIALIZE FOR PURCHASE; the balance includes the overdraft limit, `offline_atc` is before the purchase."""

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
class PurchaseProof(Layout):
    """Answer to DEBIT FOR PURCHASE: the TAC for the issuer, MAC2 for the SAM."""

    tac: Annotated[bytes, raw(4)]
    mac2: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class TransactionProof:
    """Answer to GET TRANSACTION PROVE: the finished transaction's MAC2 and TAC once more."""

    mac: bytes
    tac: bytes


def pin_block(pin: str) -> bytes:
    """The PIN's digits packed two to a byte, filled with F; 4 to 12 digits."""
    if not 4 <= len(pin) <= 12 or not pin.isascii() or not pin.isdigit():
        raise FormatError("a PIN has 4 to 12 digits")
    return bytes.fromhex(pin + "F" * (len(pin) % 2))


class PurseSession:
    """One purse on one card. Amounts in fen; times naive Asia/Shanghai, or aware and converted.

    Every method raises `ApduError` when the chip refuses and `TransportError` when the line fails. After a
    TransportError in `credit_for_load` or `debit_for_purchase` the outcome is unknown: ask `transaction_prove`.
    """

    def __init__(self, transport: Transport, profile: CardProfile = T_UNION) -> None:
        """Use a connected transport; nothing is sent yet."""
        self._transport = ResponseChain(transport)
        self.profile = profile

    def select(self) -> Fci:
        """SELECT the application. Raises ApplicationBlocked when it is blocked."""
        return Fci.parse(exchange(self._transport, commands.select_name(self.profile.aid)))

    def public_info(self) -> PublicInfo:
        """EF15: issuer, serial, validity."""
        return PublicInfo.parse(exchange(self._transport, commands.read_binary(EF15, PublicInfo.length())))

    def holder(self) -> HolderInfo:
        """EF16: the holder's name and document. A card may want the PIN first."""
        return HolderInfo.parse(exchange(self._transport, commands.read_binary(EF16, HolderInfo.length())))

    def management_info(self) -> ManagementInfo:
        """EF17, its first eleven bytes: country, city, interoperability, card kind."""
        length = ManagementInfo.SHORTEST or ManagementInfo.length()
        return ManagementInfo.parse(exchange(self._transport, commands.read_binary(EF17, length)))

    def balance_fen(self) -> int:
        """GET BALANCE of the purse, overdraft limit included, in fen."""
        return int.from_bytes(exchange(self._transport, commands.get_balance())) & BALANCE_MASK

    def log(self) -> list[LogRecord]:
        """EF18, newest first, at most ten."""
        return list(self._records(EF18, LOG_RECORDS, LogRecord))

    def trips(self) -> list[TripRecord]:
        """EF1E, newest first, at most thirty."""
        return list(self._records(EF1E, TRIP_RECORDS, TripRecord))

    def last_trip(self, industry: int) -> TripRecord | None:
        """The newest trip of one industry in EF1E, reading no further than to it."""
        trips = self._records(EF1E, TRIP_RECORDS, TripRecord)
        return next((trip for trip in trips if trip.industry == industry), None)

    def verify_pin(self, pin: str) -> None:
        """VERIFY; raises WrongPin with the tries left. A load needs it, a purchase does not."""
        exchange(
            self._transport,
            commands.verify_pin(pin_block(pin), self.profile.pin_reference),
        )

    def init_load(self, amount_fen: int, terminal_no: bytes) -> LoadInit:
        """INITIALIZE FOR LOAD; the answer's MAC1 proves the card to the host."""
        command = commands.initialize(
            0x00, self.profile.key_index, amount_fen, terminal_no, LoadInit.length()
        )
        return LoadInit.parse(exchange(self._transport, command))

    def credit_for_load(self, when: datetime, mac2: bytes) -> bytes:
        """CREDIT FOR LOAD; returns the load's TAC, 4 bytes."""
        return exchange(self._transport, commands.credit_for_load(when, mac2))

    def init_purchase(self, amount_fen: int, terminal_no: bytes, capp: bool = False) -> PurchaseInit:
        """INITIALIZE FOR PURCHASE, or for CAPP PURCHASE; raises InsufficientBalance."""
        mode = 0x03 if capp else 0x01
        command = commands.initialize(
            mode, self.profile.key_index, amount_fen, terminal_no, PurchaseInit.length()
        )
        return PurchaseInit.parse(exchange(self._transport, command))

    def update_capp_cache(self, sfi: int, record: bytes, reference: int = 0, mode: int = 3) -> None:
        """UPDATE CAPP DATA CACHE: a record that DEBIT will commit together with the purse."""
        exchange(self._transport, commands.update_capp_cache(sfi, record, reference, mode))

    def cache_trip(self, trip: TripRecord) -> None:
        """Put a trip record into the CAPP cache for EF1E."""
        self.update_capp_cache(EF1E, trip.to_bytes())

    def debit_for_purchase(self, terminal_seq: int, when: datetime, mac1: bytes) -> PurchaseProof:
        """DEBIT FOR PURCHASE (also CAPP) with the SAM's sequence number and MAC1."""
        command = commands.debit_for_purchase(terminal_seq, when, mac1)
        return PurchaseProof.parse(exchange(self._transport, command))

    def transaction_prove(self, kind: int, atc: int) -> TransactionProof:
        """GET TRANSACTION PROVE; `atc` is INITIALIZE's counter plus one. ProofNotAvailable: it never finished."""
        answer = exchange(self._transport, commands.get_transaction_prove(kind, atc))
        first, second = answer[:4], answer[4:]
        return (
            TransactionProof(second, first)
            if self.profile.proof_tac_first
            else TransactionProof(first, second)
        )

    def _records(self, sfi: int, count: int, layout: type[Record]) -> Iterator[Record]:
        for number in range(1, count + 1):
            try:
                content = exchange(self._transport, commands.read_record(sfi, number, layout.length()))
            except RecordNotFound:
                return
            if content.strip(b"\x00") and content.strip(b"\xff"):
                yield layout.parse(content)
