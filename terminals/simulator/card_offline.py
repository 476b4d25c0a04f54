"""Second halves of the simulated card's offline transactions: purchase, cash withdrawal, compound purchase (CAPP).

A compound purchase writes records together with the purse: variable records by identifier or number, and new trips.
Public sources say that one without a cached record is refused. Metro entries cost nothing and write a record all the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from terminals.card.apdu import Command
from terminals.card.commands import RecordMode
from terminals.card.crypto import (
    TransactionType,
    purchase_mac1,
    purchase_mac2,
    purchase_session_key,
    purchase_tac,
)
from terminals.card.files import EF1E, TripRecord
from terminals.card.keys import KeySlot
from terminals.card.messages import DebitData
from terminals.card.purse import TRIP_RECORDS
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_online import OnlineEngine
from terminals.simulator.card_records import replaced
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.transactions import Pending

MAX_CACHED: Final = 8
NEW_TRIP: Final = 0
PAID: Final = (
    TransactionType.PURCHASE,
    TransactionType.CAPP_PURCHASE,
    TransactionType.ED_PURCHASE,
    TransactionType.ED_WITHDRAW,
)
PURCHASE_P1: Final = 0x01
UNLOAD_P1: Final = 0x03


class OfflineEngine(OnlineEngine):
    """DEBIT FOR PURCHASE, CASH WITHDRAW and CAPP PURCHASE; the CAPP cache."""

    @command(0x80, 0x54, keeps_pending=True)
    def debit(self, apdu: Command) -> bytes:
        """DEBIT: P1 01 for everything a SAM authorises, 03 for an unload, which the host does."""
        length = {PURCHASE_P1: 8, UNLOAD_P1: 4}.get(apdu.p1)
        if length is None:
            raise Refusal(Sw.WRONG_P1_P2)
        if apdu.le not in (None, 0, length):
            raise Refusal(0x6C00 | length)
        return self.debit_for_unload(apdu) if apdu.p1 == UNLOAD_P1 else self._debit_for_purchase(apdu)

    @command(0x80, 0xDC, keeps_pending=True)
    def update_capp_cache(self, apdu: Command) -> bytes:
        """UPDATE CAPP DATA CACHE: hold a record until DEBIT commits it."""
        begun = self.pending
        if begun is None or begun.transaction.kind is not TransactionType.CAPP_PURCHASE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if len(begun.cached) >= MAX_CACHED:
            raise Refusal(Sw.NO_SPACE)
        sfi = apdu.p2 >> 3
        place = self._trip_place(apdu) if sfi == EF1E else self._record_place(sfi, apdu)
        begun.cached.append((sfi, place, apdu.data))
        return b""

    def _trip_place(self, apdu: Command) -> int:
        """EF1E is cyclic, so there is one place to write, whichever way the terminal names it."""
        modes = (RecordMode.BY_IDENTIFIER, RecordMode.PREVIOUS, RecordMode.BY_NUMBER)
        if not self.profile.has_trips or apdu.p1 > 1 or apdu.p2 & 0x07 not in modes:
            raise Refusal(Sw.RECORD_NOT_FOUND)
        if len(apdu.data) != TripRecord.length():
            raise Refusal(Sw.WRONG_LENGTH)
        return NEW_TRIP

    def _record_place(self, sfi: int, apdu: Command) -> int:
        records = self.state.records.get(sfi, [])
        place = self.place_of(records, apdu)
        self.check_length(records[place], apdu.data)
        return place

    def _debit_for_purchase(self, apdu: Command) -> bytes:
        """Take the amount once the SAM's MAC1 is right; answers TAC and MAC2."""
        begun = self.take_pending(*PAID)
        data, kind = self.parsed(DebitData, apdu.data), begun.transaction.kind
        if kind is TransactionType.CAPP_PURCHASE and not begun.cached:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        before = self.state.account(begun.transaction.purse)
        atc, amount, terminal = before.offline_atc, begun.amount_fen, begun.terminal_no
        session = purchase_session_key(self.key(KeySlot.PURCHASE), begun.rand, atc, data.terminal_seq)
        self.check_mac(purchase_mac1(session, amount, kind, terminal, data.when), data.mac1)
        tac = purchase_tac(self.key(KeySlot.TAC), amount, kind, terminal, data.terminal_seq, data.when)
        mac2 = purchase_mac2(session, amount)
        after = replace(before, balance_fen=before.balance_fen - amount, offline_atc=atc + 1)
        self.finish(begun, data.when, after, mac2, tac, **self._cached_changes(begun))
        return tac + mac2

    def _cached_changes(self, begun: Pending) -> dict[str, Any]:
        """Trips and records as they stand once the cache is written."""
        trips, records = self.state.trips, self.state.records
        for sfi, place, record in begun.cached:
            if sfi == EF1E:
                trips = [record, *trips][:TRIP_RECORDS]
            else:
                records = replaced(records, sfi, place, record)
        return {"trips": trips, "records": records}
