"""One purchase between card and SAM: INITIALIZE, SAM's MAC1, intent in the journal, DEBIT, TAC in the journal, MAC2.

If the chip does not answer DEBIT, only the chip knows whether it paid: the intent stays, and when the same card comes back
GET TRANSACTION PROVE tells (JR/T 0025.2). Nothing is debited that the journal does not know of first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from terminals.card.apdu import ApduError, InsufficientBalance, MacRejected, ProofNotAvailable
from terminals.card.commands import BalancePart
from terminals.card.crypto import CHINA, TransactionType
from terminals.card.errors import TransportError
from terminals.card.files import PublicInfo, TripRecord
from terminals.card.profile import T_UNION
from terminals.card.purse import PurchaseInit, PurseSession
from terminals.card.sam import SamDebit, SamSession
from terminals.card.status import StatusWord
from terminals.program.errors import JournalError
from terminals.program.limits import NO_LIMITS, Limits
from terminals.program.memory import Memory
from terminals.program.result import Refused
from terminals.wire.grey import NO_TAC, GreyRecord
from terminals.wire.record import TapRecord

MakeTrip = Callable[[int], TripRecord]


class Unfinished(Exception):
    """The chip left in the middle of DEBIT; whether it paid is unknown until it comes back."""

    def __init__(self, record: TapRecord) -> None:
        """Keep the purchase in question."""
        self.record = record
        super().__init__(f"terminal sequence {record.terminal_seq}")


@dataclass(frozen=True, slots=True)
class Card:
    """A selected card: its session, number and public file."""

    purse: PurseSession
    number: str
    info: PublicInfo

    def funds_fen(self) -> int:
        """The holder's own money: what is stored less the overdraft limit, where the family tells it (T-Union)."""
        stored_fen = self.purse.balance_fen()
        if self.purse.profile is not T_UNION:
            return stored_fen
        return stored_fen - self.purse.balance_fen(BalancePart.OVERDRAFT_LIMIT)


@dataclass(frozen=True, slots=True)
class Checkout:
    """The SAM and the journal of one terminal."""

    sam: SamSession
    terminal_no: bytes
    memory: Memory

    def pay(
        self,
        card: Card,
        *,
        amount_fen: int,
        when: datetime,
        place: str = "",
        trip: str = "",
        make_trip: MakeTrip | None = None,
        limits: Limits = NO_LIMITS,
    ) -> TapRecord:
        """Debit the card and return the record. With `make_trip`, a compound purchase that also writes a trip.

        `make_trip` gets the balance after the purchase. Raises Refused (nothing debited), Unfinished (unknown),
        and Refused `false_card` when the card cannot prove itself to the SAM.
        """
        kind = TransactionType.CAPP_PURCHASE if make_trip else TransactionType.PURCHASE
        day = when.astimezone(CHINA).date()
        limits.check(amount_fen, *self.memory.spent(card.number, day))
        init = self._initialize(card, amount_fen, capp=make_trip is not None)
        limits.check_overdraft(amount_fen, init.funds_fen)
        debit = self._authorise(card, init, amount_fen, kind, when)
        record = TapRecord(
            terminal_no=self.terminal_no.hex().upper(),
            terminal_seq=debit.terminal_seq,
            card_no=card.number,
            atc=init.offline_atc,
            type=int(kind),
            amount_fen=amount_fen,
            balance_fen=init.funds_fen - amount_fen,
            occurred_at=when.astimezone(CHINA).replace(microsecond=0),
            tac=NO_TAC,
            key_version=init.key_version,
            place=place,
            trip=trip,
        )
        if make_trip:
            card.purse.cache_trip(make_trip(record.balance_fen))
        return self._debit(card, record, debit.mac1)

    def _initialize(self, card: Card, amount_fen: int, *, capp: bool) -> PurchaseInit:
        try:
            return card.purse.init_purchase(amount_fen, self.terminal_no, capp=capp)
        except InsufficientBalance as error:
            balance_fen = card.funds_fen()
            raise Refused("insufficient", fare_fen=amount_fen, balance_fen=balance_fen) from error

    def _authorise(
        self, card: Card, init: PurchaseInit, amount_fen: int, kind: TransactionType, when: datetime
    ) -> SamDebit:
        try:
            return self.sam.init_for_purchase(
                init, amount_fen=amount_fen, kind=kind, when=when, card_serial8=card.info.serial8
            )
        except (ApduError, TransportError) as error:
            raise Refused("terminal_fault", fare_fen=amount_fen) from error

    def _debit(self, card: Card, intent: TapRecord, mac1: bytes) -> TapRecord:
        self._intend(intent)
        try:
            proof = card.purse.debit_for_purchase(intent.terminal_seq, intent.occurred_at, mac1)
        except TransportError as error:
            raise Unfinished(intent) from error
        except ApduError as error:
            if error.sw == StatusWord.MEMORY_ERROR:
                raise Unfinished(intent) from error
            self.memory.drop(intent.terminal_seq)
            raise Refused("false_card", fare_fen=intent.amount_fen) from error
        record = self._finish(replace(intent, tac=proof.tac.hex().upper()))
        try:
            self.sam.credit(proof.mac2)
        except MacRejected as error:
            # From now on no purchase, but evidence to be reported.
            self.memory.mark_grey(GreyRecord(record, "mac2"))
            raise Refused("false_card", fare_fen=record.amount_fen) from error
        except (ApduError, TransportError):
            # A SAM that fails after the debit changes nothing for the holder, who has paid.
            return record
        return record

    def _intend(self, intent: TapRecord) -> None:
        """A purchase the journal cannot keep is not made."""
        try:
            self.memory.intend(intent)
        except OSError as error:
            raise Refused("journal_full", fare_fen=intent.amount_fen) from error
        except JournalError as error:
            raise Refused("terminal_fault", fare_fen=intent.amount_fen) from error

    def _finish(self, record: TapRecord) -> TapRecord:
        """The intent stands, so a device that fails only now leaves a purchase its card can still prove."""
        try:
            self.memory.finish(record)
        except (OSError, JournalError) as error:
            raise Unfinished(record) from error
        return record

    def settle_unfinished(self, card: Card) -> TapRecord | None:
        """If a purchase of this card was left open: its record when the chip did pay, else None, and it is closed."""
        intent = self.memory.unfinished_of(card.number)
        if intent is None:
            return None
        try:
            proof = card.purse.transaction_prove(intent.type, intent.atc + 1)
        except ProofNotAvailable:
            self._close_without_proof(card, intent)
            return None
        return self._finish(replace(intent, tac=proof.tac.hex().upper()))

    def _close_without_proof(self, card: Card, intent: TapRecord) -> None:
        """The proof is of the last transaction only; the card's log reaches further back, but holds no TAC."""
        local = intent.occurred_at.astimezone(CHINA).replace(tzinfo=None)
        wanted = (self.terminal_no, local, intent.amount_fen)
        if any((entry.terminal_no, entry.when, entry.amount_fen) == wanted for entry in card.purse.log()):
            self.memory.mark_grey(GreyRecord(intent, "logged"))
        else:
            self.memory.drop(intent.terminal_seq)
