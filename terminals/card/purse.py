"""A session with the electronic purse (电子钱包) on a card: read it, load it, pay with it (JR/T 0025.2, JT/T 978)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from terminals.card import commands
from terminals.card.commands import InitMode, RecordMode
from terminals.card.files import EF1E, EF18, LogRecord, TripRecord
from terminals.card.messages import LoadInit, PurchaseInit, PurchaseProof, TransactionProof
from terminals.card.pin import pin_block
from terminals.card.session import LOG_RECORDS, MoneySession
from terminals.card.transport import exchange, read

TRIP_RECORDS: Final = 30

__all__ = [
    "LOG_RECORDS",
    "TRIP_RECORDS",
    "LoadInit",
    "PurchaseInit",
    "PurchaseProof",
    "PurseSession",
    "TransactionProof",
    "pin_block",
]


class PurseSession(MoneySession):
    """The purse: a purchase needs no PIN, and a compound one (CAPP) writes records together with the money."""

    SELECTOR: ClassVar[int] = commands.PURSE
    LOG: ClassVar[int] = EF18

    def trips(self) -> list[TripRecord]:
        """EF1E, newest first, at most thirty."""
        return list(self.each_trip())

    def each_trip(self) -> Iterator[TripRecord]:
        """EF1E, newest first; each is read when it is asked for."""
        return self._records(EF1E, TRIP_RECORDS, TripRecord)

    def last_logged(self) -> LogRecord | None:
        """The newest entry of the transaction log."""
        return next(self._records(self.LOG, LOG_RECORDS, LogRecord), None)

    def record(self, sfi: int, identifier: int) -> bytes:
        """A variable record by its first byte, whole; RecordNotFound when the card holds none."""
        return read(self._transport, commands.read_record_by_identifier(sfi, identifier))

    def init_purchase(self, amount_fen: int, terminal_no: bytes, capp: bool = False) -> PurchaseInit:
        """INITIALIZE FOR PURCHASE, or for CAPP PURCHASE; raises InsufficientBalance."""
        mode = InitMode.CAPP_PURCHASE if capp else InitMode.PURCHASE
        return self._init(mode, amount_fen, terminal_no, PurchaseInit)

    def update_capp_cache(
        self, sfi: int, record: bytes, reference: int = 0, mode: int = RecordMode.PREVIOUS
    ) -> None:
        """UPDATE CAPP DATA CACHE: a record that DEBIT will commit together with the purse."""
        exchange(self._transport, commands.update_capp_cache(sfi, record, reference, mode))

    def cache_trip(self, trip: TripRecord) -> None:
        """Put a trip record into the CAPP cache for EF1E, where it will replace the oldest."""
        self.update_capp_cache(EF1E, trip.to_bytes())

    def cache_record(self, sfi: int, record: bytes) -> None:
        """Put a variable record into the CAPP cache; its first byte names the record it replaces, of equal length."""
        self.update_capp_cache(sfi, record, record[0], RecordMode.BY_IDENTIFIER)
