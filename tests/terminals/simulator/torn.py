"""A card whose holder has no patience: everything a card can do, and a reader that loses it at any command.

`Book` is what the world outside believes about the card. Every operation says how the book changes; a torn card must
read as the book before or as the book after, and GET TRANSACTION PROVE must say which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from terminals.card import commands
from terminals.card.apdu import Command, InsufficientBalance
from terminals.card.commands import RecordMode
from terminals.card.crypto import TransactionType, load_tac, overdraft_tac, purchase_tac
from terminals.card.deposit import DepositSession
from terminals.card.errors import CardRemoved
from terminals.card.files import TripRecord
from terminals.card.keys import KeySlot
from terminals.card.maintenance import MaintenanceSession
from terminals.card.messages import PurchaseInit
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.transport import Transport, exchange
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.state import Phase
from terminals.simulator.store import Content, MemoryStore
from tests.terminals.cards import (
    COUNTER,
    KEYS,
    PIN,
    TERMINAL,
    WHEN,
    card_spec,
    issued_chip,
    issued_psam,
    public_info,
)

SERIAL8 = public_info().serial8
DTK = KEYS.of(KeySlot.TAC, SERIAL8)
COMMITS = [bytes([0x80, ins]) for ins in (0x52, 0x54, 0x58)]
"""Second halves of transactions."""
OTHER_PIN = "654321"
BUS = bytes.fromhex("27027D01") + bytes(124)
KIND = TransactionType


class Moment(StrEnum):
    COMMAND_LOST = "before the command"
    WRITE_LOST = "before a write"
    WRITTEN = "after a write"
    ANSWER_LOST = "before the answer"


class PowerCut(OSError):
    pass


class FragileStore(MemoryStore):
    """Loses power around its n-th write from now on."""

    cut: Moment | None = None
    left = 0

    def save(self, content: Content) -> None:
        self.left -= 1
        here = self.left < 0
        if here and self.cut is Moment.WRITE_LOST:
            raise PowerCut
        super().save(content)
        if here and self.cut is Moment.WRITTEN:
            raise PowerCut


@dataclass
class TornTransport:
    """A reader that loses the card at the n-th command (from 1). `torn` is that command's name, if it came to it."""

    chip: Chip
    store: FragileStore
    at: int
    moment: Moment
    skipped_writes: int = 0
    torn: str = ""
    sent: int = 0

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent += 1
        if self.sent != self.at:
            answer = self.chip.transmit(apdu)
            return answer[:-2], int.from_bytes(answer[-2:])
        self.torn = Command.parse(apdu).name
        if self.moment is not Moment.COMMAND_LOST:
            self._execute(apdu)
        raise CardRemoved("torn")

    def _execute(self, apdu: bytes) -> None:
        self.store.cut, self.store.left = self.moment, self.skipped_writes
        try:
            self.chip.transmit(apdu)
        except PowerCut:
            pass
        finally:
            self.store.cut = None

    def reset(self) -> bytes:
        return self.chip.reset()

    def close(self) -> None:
        pass


@dataclass
class ClumsyChip:
    """A card that leaves the field around its commit, whatever reader it lies on."""

    chip: Chip
    store: FragileStore
    moment: Moment

    ATR = Chip.ATR

    def transmit(self, apdu: bytes) -> bytes:
        if Command.parse(apdu).header[:2] not in COMMITS:
            return self.chip.transmit(apdu)
        if self.moment is Moment.COMMAND_LOST:
            raise PowerCut
        self.store.cut, self.store.left = self.moment, 0
        try:
            self.chip.transmit(apdu)
        finally:
            self.store.cut = None
        raise PowerCut

    def reset(self) -> bytes:
        return self.chip.reset()


@dataclass(frozen=True)
class Account:
    """One of the card's purses; the log is (counter, type, amount), newest first."""

    balance: int = 0
    limit: int = 0
    online: int = 0
    offline: int = 0
    log: tuple[tuple[int, int, int], ...] = ()

    def moved(
        self, kind: int, amount: int, change: int, *, online: bool, limit: int | None = None
    ) -> Account:
        counter = (self.online if online else self.offline) + 1
        return replace(
            self,
            balance=self.balance + change,
            limit=self.limit if limit is None else limit,
            online=self.online + online,
            offline=self.offline + (not online),
            log=((counter, kind, amount), *self.log)[:10],
        )


@dataclass(frozen=True)
class Book:
    purse: Account = Account()
    deposit: Account = Account()
    trips: tuple[bytes, ...] = ()
    record: bytes = BUS
    pin: str = PIN
    blocked: bool = False


@dataclass
class Desk:
    """Counter, terminal and issuer in one, over one connection to the card."""

    transport: Transport
    sam: SamSession
    book: Book

    def __post_init__(self) -> None:
        self.purse, self.deposit = PurseSession(self.transport), DepositSession(self.transport)
        self.issuer = MaintenanceSession(self.transport, KEYS, serial8=SERIAL8)

    def open(self, *, pin: bool = False) -> None:
        self.purse.select()
        if pin:
            self.purse.verify_pin(self.book.pin)

    def load(self, amount: int) -> None:
        self.open(pin=True)
        init = self.purse.init_load(amount, COUNTER)
        self.purse.credit_for_load(WHEN, KEYS.mac2(SERIAL8, init, amount))

    def pay(self, amount: int) -> None:
        self.open()
        self._debit(self.purse.init_purchase(amount, TERMINAL), amount, KIND.PURCHASE)

    def ride(self, amount: int) -> None:
        self.open()
        init = self.purse.init_purchase(amount, TERMINAL, capp=True)
        self.purse.update_capp_cache(0x1A, record_after(self.book, amount), 2, RecordMode.BY_NUMBER)
        self.purse.cache_trip(trip_of(self.book, amount))
        self._debit(init, amount, KIND.CAPP_PURCHASE)

    def deposit_load(self, amount: int) -> None:
        self.open(pin=True)
        init = self.deposit.init_load(amount, COUNTER)
        self.deposit.credit_for_load(WHEN, KEYS.mac2(SERIAL8, init, amount, kind=KIND.ED_LOAD))

    def deposit_pay(self, amount: int) -> None:
        self.open(pin=True)
        self._debit(self.deposit.init_purchase(amount, TERMINAL), amount, KIND.ED_PURCHASE)

    def withdraw(self, amount: int) -> None:
        self.open(pin=True)
        self._debit(self.deposit.init_cash_withdraw(amount, TERMINAL), amount, KIND.ED_WITHDRAW)

    def unload(self, amount: int) -> None:
        self.open(pin=True)
        init = self.deposit.init_unload(amount, COUNTER)
        self.deposit.debit_for_unload(WHEN, KEYS.mac2(SERIAL8, init, amount, kind=KIND.UNLOAD))

    def set_limit(self, amount: int) -> None:
        self.open(pin=True)
        init = self.deposit.init_overdraft_update(COUNTER)
        self.deposit.update_overdraft_limit(amount, WHEN, KEYS.limit_mac2(SERIAL8, init, amount))

    def overspend(self, amount: int) -> None:
        self.open()
        try:
            self.purse.init_purchase(self.book.purse.balance + amount, TERMINAL)
        except InsufficientBalance:
            return
        raise AssertionError("more was offered than there is")

    def change_pin(self, amount: int) -> None:
        self.open()
        self.purse.change_pin(self.book.pin, other_pin(self.book))

    def mark(self, amount: int) -> None:
        self.open()
        self.issuer.update_record(0x1A, 2, record_after(self.book, amount))

    def block(self, amount: int) -> None:
        self.open()
        self.issuer.application_block()

    def _debit(self, init: PurchaseInit, amount: int, kind: int) -> None:
        debit = self.sam.init_for_purchase(
            init, amount_fen=amount, kind=kind, when=WHEN, card_serial8=SERIAL8
        )
        proof = self.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
        self.sam.credit(proof.mac2)


def other_pin(book: Book) -> str:
    return PIN if book.pin == OTHER_PIN else OTHER_PIN


def record_after(book: Book, amount: int) -> bytes:
    return book.record[:-4] + (int.from_bytes(book.record[-4:]) + amount + 1).to_bytes(4)


def trip_of(book: Book, amount: int) -> TripRecord:
    balance = book.purse.balance - amount
    return TripRecord(3, bytes(8), 1, "00000001", bytes(3), amount, balance, WHEN, "3970", bytes(8))


def _loaded(book: Book, amount: int) -> Book:
    return replace(book, purse=book.purse.moved(KIND.LOAD, amount, amount, online=True))


def _paid(book: Book, amount: int) -> Book:
    return replace(book, purse=book.purse.moved(KIND.PURCHASE, amount, -amount, online=False))


def _ridden(book: Book, amount: int) -> Book:
    return replace(
        book,
        purse=book.purse.moved(KIND.CAPP_PURCHASE, amount, -amount, online=False),
        trips=(trip_of(book, amount).to_bytes(), *book.trips)[:30],
        record=record_after(book, amount),
    )


def _deposit(kind: int, sign: int, *, online: bool) -> Callable[[Book, int], Book]:
    return lambda book, amount: replace(
        book, deposit=book.deposit.moved(kind, amount, sign * amount, online=online)
    )


def _limited(book: Book, limit: int) -> Book:
    change = limit - book.deposit.limit
    return replace(
        book, deposit=book.deposit.moved(KIND.OVERDRAFT_UPDATE, 0, change, online=True, limit=limit)
    )


def _any(book: Book, amount: int) -> bool:
    return True


@dataclass(frozen=True)
class Operation:
    """What the desk does, what it does to the book, when it is possible, and the transaction type it proves."""

    run: Callable[[Desk, int], None]
    after: Callable[[Book, int], Book]
    possible: Callable[[Book, int], bool] = _any
    kind: TransactionType | None = None

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def online(self) -> bool:
        return self.kind in (KIND.LOAD, KIND.ED_LOAD, KIND.UNLOAD, KIND.OVERDRAFT_UPDATE)

    @property
    def proof_kind(self) -> TransactionType:
        assert self.kind is not None
        return self.kind

    def counter_after(self, book: Book) -> int:
        """What GET TRANSACTION PROVE is asked for when this was done with a card as in `book`."""
        account = self.account(book)
        return (account.online if self.online else account.offline) + 1

    def account(self, book: Book) -> Account:
        return book.purse if self.kind in (KIND.LOAD, KIND.PURCHASE, KIND.CAPP_PURCHASE) else book.deposit

    def tac(self, book: Book, amount: int, sequence: int) -> bytes:
        """The TAC the issuer expects; an unload has none."""
        after, atc, kind = self.account(self.after(book, amount)), self.account(book).online, self.proof_kind
        if kind is KIND.UNLOAD:
            return bytes(4)
        if kind is KIND.OVERDRAFT_UPDATE:
            return overdraft_tac(DTK, after.balance, atc, amount, COUNTER, WHEN)
        if self.online:
            return load_tac(DTK, after.balance, atc, amount, kind, COUNTER, WHEN)
        return purchase_tac(DTK, amount, kind, TERMINAL, sequence, WHEN)


def _in_purse(book: Book, amount: int) -> bool:
    return amount <= book.purse.balance


def _in_deposit(book: Book, amount: int) -> bool:
    return amount <= book.deposit.balance


OPERATIONS = (
    Operation(Desk.load, _loaded, kind=KIND.LOAD),
    Operation(Desk.pay, _paid, _in_purse, KIND.PURCHASE),
    Operation(Desk.ride, _ridden, _in_purse, KIND.CAPP_PURCHASE),
    Operation(Desk.deposit_load, _deposit(KIND.ED_LOAD, 1, online=True), kind=KIND.ED_LOAD),
    Operation(Desk.deposit_pay, _deposit(KIND.ED_PURCHASE, -1, online=False), _in_deposit, KIND.ED_PURCHASE),
    Operation(Desk.withdraw, _deposit(KIND.ED_WITHDRAW, -1, online=False), _in_deposit, KIND.ED_WITHDRAW),
    Operation(
        Desk.unload,
        _deposit(KIND.UNLOAD, -1, online=True),
        lambda book, amount: amount <= book.deposit.balance - book.deposit.limit,
        KIND.UNLOAD,
    ),
    Operation(
        Desk.set_limit,
        _limited,
        lambda book, amount: book.deposit.balance - book.deposit.limit + amount >= 0,
        KIND.OVERDRAFT_UPDATE,
    ),
    Operation(Desk.overspend, lambda book, amount: book, lambda book, amount: amount > 0),
    Operation(Desk.change_pin, lambda book, amount: replace(book, pin=other_pin(book))),
    Operation(Desk.mark, lambda book, amount: replace(book, record=record_after(book, amount))),
    Operation(Desk.block, lambda book, amount: replace(book, blocked=True)),
)


@dataclass
class Life:
    """One card from personalisation on, powered up anew for every operation, with the book of what it must hold."""

    store: FragileStore = field(default_factory=FragileStore)
    book: Book = field(default_factory=Book)

    def __post_init__(self) -> None:
        issued_chip(card_spec(application_type=3), self.store)
        self.psam = issued_psam()
        self.sam = SamSession(MemoryTransport(self.psam))
        self.sam.open()
        desk = self.desk(MemoryTransport(self.chip()))
        desk.open()
        desk.issuer.append_record(0x1A, bytes(128))
        desk.issuer.append_record(0x1A, BUS)

    def chip(self) -> Chip:
        return Chip.load(self.store)

    def desk(self, transport: Transport) -> Desk:
        return Desk(transport, self.sam, self.book)

    def seen(self) -> Book:
        """What the card shows of itself."""
        chip = self.chip()
        desk = self.desk(MemoryTransport(chip))
        chip.transmit(commands.select_name(desk.purse.profile.aid).to_bytes())
        return Book(
            purse=_account(chip, desk.purse),
            deposit=_account(chip, desk.deposit),
            trips=tuple(record.to_bytes() for record in desk.purse.trips()),
            record=exchange(desk.transport, commands.read_record(0x1A, 2, 0)),
            pin=chip.state.pin.hex(),
            blocked=chip.state.phase is Phase.BLOCKED,
        )

    def mend(self) -> None:
        """What clerks do for a card in trouble: unblock it, restore a PIN whose tries were torn away."""
        desk = self.desk(MemoryTransport(self.chip()))
        if self.book.blocked:
            desk.issuer.application_unblock()
            self.book = replace(self.book, blocked=False)
        if self.chip().state.pin_tries < 2:
            desk.purse.select()
            desk.issuer.reload_pin(self.book.pin)


def _account(chip: Chip, session: PurseSession | DepositSession) -> Account:
    counters = chip.state.account(session.SELECTOR)
    return Account(
        balance=session.balance_fen(),
        limit=session.balance_fen(commands.BalancePart.OVERDRAFT_LIMIT),
        online=counters.online_atc,
        offline=counters.offline_atc,
        log=tuple((record.sequence, record.kind, record.amount_fen) for record in session.log()),
    )
