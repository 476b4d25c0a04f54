"""The simulated card's purses: balance, beginning and finishing of transactions, proof of the last (JR/T 0025.2).

A wrong transaction MAC costs nothing but the transaction: an error counter would let any terminal lock a card.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from terminals.card.apdu import Command
from terminals.card.commands import BalancePart, InitMode
from terminals.card.crypto import TransactionType, load_mac1, load_session_key, overdraft_mac1
from terminals.card.errors import FormatError
from terminals.card.files import LogRecord
from terminals.card.keys import ALGORITHM_3DES, KeySlot
from terminals.card.layout import Layout
from terminals.card.messages import InitData, LoadInit, OverdraftInit, PurchaseInit, UpdateInitData
from terminals.card.purse import LOG_RECORDS
from terminals.card.status import StatusWord as Sw
from terminals.simulator.card_base import PURSE_DF
from terminals.simulator.card_records import RecordEngine
from terminals.simulator.dispatch import Refusal, command
from terminals.simulator.state import Account, Phase
from terminals.simulator.transactions import TRANSACTIONS, Pending, Transaction

MAX_BALANCE_FEN: Final = 0x7FFF_FFFF
MAX_ATC: Final = 0xFFFF
NO_TAC: Final = bytes(4)
"""What GET TRANSACTION PROVE gives for an unload, which ends with a MAC3 and no TAC."""

Data = TypeVar("Data", bound=Layout)


class PurseEngine(RecordEngine):
    """What all purse transactions share. A second half commits purse, log and proof in one write, then answers."""

    @command(0x80, 0x5C, answer=4)
    def get_balance(self, apdu: Command) -> bytes:
        """GET BALANCE; other parts than the stored balance are T-Union's."""
        self._check_purse(apdu)
        account = self.state.account(apdu.p2)
        shown = {
            BalancePart.STORED: account.balance_fen,
            BalancePart.OVERDRAFT_LIMIT: account.overdraft_limit_fen,
            BalancePart.OVERDRAFT_USED: max(0, -account.funds_fen),
            BalancePart.FUNDS: max(0, account.funds_fen),
        }
        if apdu.p1 not in shown:
            raise Refusal(Sw.WRONG_P1_P2)
        return shown[BalancePart(apdu.p1)].to_bytes(4)

    @command(0x80, 0x50)
    def initialize(self, apdu: Command) -> bytes:
        """INITIALIZE for every transaction the card's purses know."""
        self._check_purse(apdu)
        self._check_usable()
        transaction = TRANSACTIONS.get((InitMode(apdu.p1), apdu.p2)) if apdu.p1 in set(InitMode) else None
        if transaction is None:
            raise Refusal(Sw.FUNCTION_NOT_SUPPORTED)
        if apdu.le not in (None, 0, transaction.answer):
            raise Refusal(0x6C00 | transaction.answer)
        key_index, begun = self._read_init(transaction, apdu)
        if key_index != self.profile.key_index:
            raise Refusal(Sw.KEY_INDEX_UNSUPPORTED)
        if transaction.wants_pin and not self.pin_verified:
            raise Refusal(Sw.SECURITY_NOT_SATISFIED)
        return self._begin(begun)

    def _read_init(self, transaction: Transaction, apdu: Command) -> tuple[int, Pending]:
        rand = secrets.token_bytes(4)
        if transaction.kind is TransactionType.OVERDRAFT_UPDATE:
            update = self.parsed(UpdateInitData, apdu.data)
            return update.key_index, Pending(transaction, update.terminal_no, rand)
        data = self.parsed(InitData, apdu.data)
        return data.key_index, Pending(transaction, data.terminal_no, rand, data.amount_fen)

    def _begin(self, begun: Pending) -> bytes:
        transaction, account = begun.transaction, self.state.account(begun.transaction.purse)
        self._check_amount(transaction, account, begun.amount_fen)
        if (account.online_atc if transaction.online else account.offline_atc) >= MAX_ATC:
            raise Refusal(Sw.COUNTER_EXHAUSTED)
        version = self.key_version(transaction.key)
        self.key(transaction.key)
        self.pending = begun
        if transaction.online:
            return self._online_answer(begun, account, version)
        return PurchaseInit(
            account.balance_fen,
            account.offline_atc,
            account.overdraft_limit_fen,
            version,
            ALGORITHM_3DES,
            begun.rand,
        ).to_bytes()

    def _online_answer(self, begun: Pending, account: Account, version: int) -> bytes:
        session, terminal_no = self.online_session(begun), begun.terminal_no
        tail = (version, ALGORITHM_3DES, begun.rand)
        if begun.transaction.kind is TransactionType.OVERDRAFT_UPDATE:
            limit_fen = account.overdraft_limit_fen
            mac1 = overdraft_mac1(session, account.balance_fen, limit_fen, terminal_no)
            return OverdraftInit(account.balance_fen, account.online_atc, limit_fen, *tail, mac1).to_bytes()
        kind, amount_fen = begun.transaction.kind, begun.amount_fen
        mac1 = load_mac1(session, account.balance_fen, amount_fen, kind, terminal_no)
        return LoadInit(account.balance_fen, account.online_atc, *tail, mac1).to_bytes()

    def _check_amount(self, transaction: Transaction, account: Account, amount_fen: int) -> None:
        """A load must be positive and fit; nothing takes more than there is, an unload none of the bank's money."""
        if transaction.key is KeySlot.LOAD and not 0 < amount_fen <= MAX_BALANCE_FEN - account.balance_fen:
            raise Refusal(Sw.WRONG_DATA)
        if transaction.key is KeySlot.UNLOAD and amount_fen > account.funds_fen:
            raise Refusal(Sw.INSUFFICIENT_BALANCE)
        if transaction.key is KeySlot.PURCHASE and amount_fen > account.balance_fen:
            raise Refusal(Sw.INSUFFICIENT_BALANCE)

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

    def parsed(self, layout: type[Data], data: bytes) -> Data:
        """A command's data field; 6700 for a wrong length, 6A80 for an impossible value."""
        if len(data) != layout.length():
            raise Refusal(Sw.WRONG_LENGTH)
        try:
            return layout.parse(data)
        except FormatError as error:
            raise Refusal(Sw.WRONG_DATA) from error

    def take_pending(self, *kinds: TransactionType) -> Pending:
        """The transaction begun; it is gone whatever happens next."""
        begun = self.pending
        self.drop_pending()
        if begun is None or begun.transaction.kind not in kinds:
            raise Refusal(Sw.NOT_IN_THIS_STATE)
        return begun

    def online_session(self, begun: Pending) -> bytes:
        """SESLK, SESULK or SESUK of an online transaction."""
        atc = self.state.account(begun.transaction.purse).online_atc
        return load_session_key(self.key(begun.transaction.key), begun.rand, atc)

    def check_mac(self, expected: bytes, given: bytes) -> None:
        """Compare a transaction MAC."""
        if not hmac.compare_digest(expected, given):
            raise Refusal(Sw.PURSE_MAC_WRONG)

    def finish(
        self, begun: Pending, when: datetime, account: Account, mac: bytes, tac: bytes, **changes: Any
    ) -> None:
        """One commit of the purse after the transaction, its log and proof, and whatever else changes with it.

        Then the PIN is asked again, as one card system does after any finished transaction.
        """
        kind, purse = begun.transaction.kind, begun.transaction.purse
        atc = account.online_atc if begun.transaction.online else account.offline_atc
        record = LogRecord(atc, account.overdraft_limit_fen, begun.amount_fen, kind, begun.terminal_no, when)
        logged = replace(account, log=[record.to_bytes(), *account.log][:LOG_RECORDS])
        proof = bytes([kind]) + atc.to_bytes(2) + mac + tac
        self.commit(**self.state.account_changes(purse, logged), proof=proof, **changes)
        self.pin_verified = False

    def _check_purse(self, apdu: Command) -> None:
        if self.directory != PURSE_DF:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
        if apdu.p2 not in self.purses:
            raise Refusal(Sw.WRONG_FILE_TYPE)

    def _check_usable(self) -> None:
        if self.state.phase is Phase.LOCKED:
            raise Refusal(Sw.PERMANENTLY_LOCKED)
        if self.state.phase is not Phase.ACTIVE:
            raise Refusal(Sw.CONDITIONS_NOT_SATISFIED)
