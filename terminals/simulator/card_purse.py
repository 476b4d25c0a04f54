"""The purse of the simulated card: balance, load, purchase, CAPP purchase, proof (JR/T 0025.2)."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from typing import Any, Final

from terminals.card.apdu import Command
from terminals.card.commands import PURSE
from terminals.card.crypto import (
    TransactionType,
    load_mac1,
    load_mac2,
    load_session_key,
    load_tac,
    purchase_mac1,
    purchase_mac2,
    purchase_session_key,
    purchase_tac,
)
from terminals.card.files import EF1E, LogRecord, TripRecord
from terminals.card.keys import ALGORITHM_3DES, KeySlot
from terminals.card.layout import moment
from terminals.card.purse import LOG_RECORDS, TRIP_RECORDS, LoadInit, PurchaseInit
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_base import PURSE_DF, CardEngine, Pending
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.state import Phase

LOAD, PURCHASE, CAPP = 0x00, 0x01, 0x03
KINDS: Final = {
    LOAD: TransactionType.LOAD,
    PURCHASE: TransactionType.PURCHASE,
    CAPP: TransactionType.CAPP_PURCHASE,
}
MAX_BALANCE_FEN: Final = 0x7FFF_FFFF
MAX_ATC: Final = 0xFFFF


class PurseEngine(CardEngine):
    """Purse commands. Each second half commits balance, counter, log and proof in one write, then answers."""

    @command(0x80, 0x5C, answer=4)
    def get_balance(self, apdu: Command) -> bytes:
        """GET BALANCE; P1 01, 02, 03 are T-Union's limit, overdraft used and own funds."""
        self._check_purse(apdu)
        funds = self.state.balance_fen - self.state.overdraft_limit_fen
        shown = {
            0: self.state.balance_fen,
            1: self.state.overdraft_limit_fen,
            2: max(0, -funds),
            3: max(0, funds),
        }
        if apdu.p1 not in shown:
            raise Refusal(Sw.WRONG_P1_P2)
        return shown[apdu.p1].to_bytes(4)

    @command(0x80, 0x50)
    def initialize(self, apdu: Command) -> bytes:
        """INITIALIZE FOR LOAD, PURCHASE or CAPP PURCHASE."""
        self._check_purse(apdu)
        self._check_usable()
        if apdu.p1 not in KINDS:
            raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
        if len(apdu.data) != 11:
            raise Refusal(Sw.WRONG_LENGTH)
        answer = (LoadInit if apdu.p1 == LOAD else PurchaseInit).length()
        if apdu.le not in (None, 0, answer):
            raise Refusal(0x6C00 | answer)
        if apdu.data[0] != self.profile.key_index:
            raise Refusal(Sw.KEY_INDEX_UNSUPPORTED)
        amount_fen, terminal_no = int.from_bytes(apdu.data[1:5]), apdu.data[5:]
        if apdu.p1 == LOAD:
            return self._init_load(amount_fen, terminal_no)
        return self._init_purchase(apdu.p1, amount_fen, terminal_no)

    def _init_load(self, amount_fen: int, terminal_no: bytes) -> bytes:
        if not self.pin_verified:
            raise Refusal(Sw.SECURITY_NOT_SATISFIED)
        balance, atc = self.state.balance_fen, self.state.online_atc
        if not 0 < amount_fen <= MAX_BALANCE_FEN - balance:
            raise Refusal(Sw.WRONG_DATA)
        self._check_counter(atc)
        rand = secrets.token_bytes(4)
        key = load_session_key(self.key(KeySlot.LOAD), rand, atc)
        self.pending = Pending(LOAD, amount_fen, terminal_no, key)
        mac1 = load_mac1(key, balance, amount_fen, TransactionType.LOAD, terminal_no)
        return LoadInit(balance, atc, self.key_version(KeySlot.LOAD), ALGORITHM_3DES, rand, mac1).to_bytes()

    def _init_purchase(self, mode: int, amount_fen: int, terminal_no: bytes) -> bytes:
        state = self.state
        if amount_fen > state.balance_fen:
            raise Refusal(Sw.INSUFFICIENT_BALANCE)
        self._check_counter(state.offline_atc)
        rand = secrets.token_bytes(4)
        self.pending = Pending(mode, amount_fen, terminal_no, rand)
        version = self.key_version(KeySlot.PURCHASE)
        limit = state.overdraft_limit_fen
        return PurchaseInit(
            state.balance_fen, state.offline_atc, limit, version, ALGORITHM_3DES, rand
        ).to_bytes()

    @command(0x80, 0x52, answer=4, keeps_pending=True)
    def credit_for_load(self, apdu: Command) -> bytes:
        """CREDIT FOR LOAD: add the amount once the host's MAC2 is right."""
        begun, when = self._second_half(apdu, (LOAD,), 11)
        kind, amount, terminal = TransactionType.LOAD, begun.amount_fen, begun.terminal_no
        self._check_mac(load_mac2(begun.session, amount, kind, terminal, when), apdu.data[7:])
        balance, atc = self.state.balance_fen + amount, self.state.online_atc
        tac = load_tac(self.key(KeySlot.TAC), balance, atc, amount, kind, terminal, when)
        self._finish(begun, when, atc + 1, apdu.data[7:], tac, balance_fen=balance, online_atc=atc + 1)
        return tac

    @command(0x80, 0xDC, keeps_pending=True)
    def update_capp_cache(self, apdu: Command) -> bytes:
        """UPDATE CAPP DATA CACHE: hold a trip record until DEBIT commits it."""
        if self.pending is None or self.pending.mode != CAPP:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if not self.profile.has_trips or (apdu.p1, apdu.p2) != (0, EF1E << 3 | 3):
            raise Refusal(Sw.RECORD_NOT_FOUND)
        if len(apdu.data) != TripRecord.length():
            raise Refusal(Sw.WRONG_LENGTH)
        self.pending.cached.append(apdu.data)
        return b""

    @command(0x80, 0x54, answer=8, keeps_pending=True)
    def debit_for_purchase(self, apdu: Command) -> bytes:
        """DEBIT FOR PURCHASE or CAPP PURCHASE: take the amount once the SAM's MAC1 is right."""
        if apdu.p1 != 0x01:
            raise Refusal(Sw.WRONG_P1_P2)
        begun, when = self._second_half(apdu, (PURCHASE, CAPP), 15, skip=4)
        if begun.mode == CAPP and not begun.cached:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        sequence, atc = int.from_bytes(apdu.data[:4]), self.state.offline_atc
        kind, amount, terminal = KINDS[begun.mode], begun.amount_fen, begun.terminal_no
        session = purchase_session_key(self.key(KeySlot.PURCHASE), begun.session, atc, sequence)
        self._check_mac(purchase_mac1(session, amount, kind, terminal, when), apdu.data[11:])
        tac = purchase_tac(self.key(KeySlot.TAC), amount, kind, terminal, sequence, when)
        mac2 = purchase_mac2(session, amount)
        changes = {"balance_fen": self.state.balance_fen - amount, "offline_atc": atc + 1}
        self._finish(begun, when, atc + 1, mac2, tac, **changes)
        return tac + mac2

    @command(0x80, 0x5A, answer=8)
    def get_transaction_prove(self, apdu: Command) -> bytes:
        """GET TRANSACTION PROVE: the last finished transaction's MAC and TAC, by type and counter after it."""
        proof = self.state.proof
        if len(apdu.data) != 2:
            raise Refusal(Sw.WRONG_LENGTH)
        if not proof or proof[:3] != bytes([apdu.p2]) + apdu.data:
            raise Refusal(Sw.PROOF_NOT_AVAILABLE)
        mac, tac = proof[3:7], proof[7:]
        return tac + mac if self.profile.proof_tac_first else mac + tac

    def _check_purse(self, apdu: Command) -> None:
        if self.directory != PURSE_DF:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if apdu.p2 != PURSE:
            raise Refusal(Sw.WRONG_FILE_TYPE)

    def _check_usable(self) -> None:
        if self.state.phase is Phase.LOCKED:
            raise Refusal(Sw.PERMANENTLY_LOCKED)
        if self.state.phase is not Phase.ACTIVE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)

    def _check_counter(self, atc: int) -> None:
        if atc >= MAX_ATC:
            raise Refusal(Sw.COUNTER_EXHAUSTED)

    def _check_mac(self, expected: bytes, given: bytes) -> None:
        if not hmac.compare_digest(expected, given):
            raise Refusal(Sw.PURSE_MAC_WRONG)

    def _second_half(
        self, apdu: Command, modes: tuple[int, ...], length: int, skip: int = 0
    ) -> tuple[Pending, datetime]:
        """Take the transaction begun (it is gone whatever happens next) and the time in the command."""
        begun = self.pending
        self.drop_pending()
        if begun is None or begun.mode not in modes:
            raise Refusal(Sw.NOT_IN_THIS_STATE)
        if len(apdu.data) != length:
            raise Refusal(Sw.WRONG_LENGTH)
        try:
            return begun, moment(apdu.data[skip : skip + 7])
        except ValueError as error:
            raise Refusal(Sw.WRONG_DATA) from error

    def _finish(
        self, begun: Pending, when: datetime, atc: int, mac: bytes, tac: bytes, **changes: Any
    ) -> None:
        """One commit of everything; then the PIN is asked again, as after any finished transaction."""
        kind = KINDS[begun.mode]
        record = LogRecord(
            atc, self.state.overdraft_limit_fen, begun.amount_fen, kind, begun.terminal_no, when
        )
        self.commit(
            log=[record.to_bytes(), *self.state.log][:LOG_RECORDS],
            trips=[*reversed(begun.cached), *self.state.trips][:TRIP_RECORDS],
            proof=bytes([kind]) + atc.to_bytes(2) + mac + tac,
            **changes,
        )
        self.pin_verified = False
