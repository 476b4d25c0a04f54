"""Simulated chips under a hail of commands: they answer every one, and purse, log and counters stay in step."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from terminals.card.commands import DEPOSIT, PURSE
from terminals.card.crypto import TransactionType
from terminals.card.deposit import DepositSession
from terminals.card.files import EF15, LogRecord, PublicInfo, TripRecord
from terminals.card.personalise import personalise, personalise_sam
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.state import CardState, ChipState, Phase, SamState
from terminals.simulator.store import MemoryStore
from tests.fuzz.target import Target, hold
from tests.terminals.cards import (
    COUNTER,
    KEYS,
    PIN,
    TERMINAL,
    WHEN,
    Till,
    blank_chip,
    blank_psam,
    card_spec,
    issued_chip,
    issued_psam,
    sam_spec,
)

AnyChip = Chip | Psam
TRIP: Final = bytes(25) + bytes.fromhex("20261120081530") + bytes(16)


@contextmanager
def fixed_dice() -> Iterator[None]:
    """Chips throw the same dice in every run, so that a recorded dialogue is good once more, MACs and all."""
    numbers, genuine = itertools.count(), secrets.token_bytes
    secrets.token_bytes = lambda size=32: hashlib.shake_128(b"%d" % next(numbers)).digest(size or 32)
    try:
        yield
    finally:
        secrets.token_bytes = genuine


class Recorder(MemoryTransport):
    """Keeps the commands of a dialogue, in the form `hail` takes."""

    def __init__(self, chip: AnyChip) -> None:
        super().__init__(chip)
        self.said = b""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self.said += bytes([len(apdu)]) + apdu
        return super().transmit(apdu)


@lru_cache(maxsize=8)
def images() -> tuple[dict[str, Any], ...]:
    """Chips to start from: a blank card, an issued one with both purses and money, a blank SAM, a working one."""
    with fixed_dice():
        spec = card_spec(balance_fen=5_000, overdraft_limit_fen=800, application_type=3, online_atc=4)
        chips: tuple[AnyChip, ...] = (blank_chip(), issued_chip(spec), blank_psam(), issued_psam())
        return tuple(chip.state.pack() for chip in chips)


def _powered(kind: type[AnyChip], at: int) -> AnyChip:
    store = MemoryStore()
    store.save(images()[at])
    return kind.load(store)


def hail(kind: type[AnyChip], first_image: int, check: Callable[[Any, Any], None], data: bytes) -> None:
    """First byte: which image; then commands as length1 | APDU, length 0 for a reset."""
    if not data:
        return
    with fixed_dice():
        chip, rest = _powered(kind, first_image + (data[0] & 1)), data[1:]
        while rest:
            before = chip.state
            length, rest = rest[0], rest[1:]
            if length:
                _check_answer(chip.transmit(rest[:length]))
            else:
                chip.reset()
            rest = rest[length:]
            if chip.state is not before:
                check(before, chip.state)
        stored = type(chip.state).unpack(chip._store.load())
        hold("what the chip believes is what it has stored", stored == chip.state)


def _check_answer(answer: bytes) -> None:
    hold("an answer ends with a status word", 2 <= len(answer) <= 258)
    hold("a status word begins with 6 or 9", answer[-2] >> 4 in (6, 9))


def _check_chip(before: ChipState, after: ChipState) -> None:
    hold("a dead chip stays dead", before.phase is not Phase.DEAD or after == before)
    hold("a chip keeps its serial", after.chip_serial == before.chip_serial)
    hold("keys have 16 bytes", all(len(key) == 16 for key in after.keys.values()))
    hold("an issued chip is never blank again", before.phase is Phase.BLANK or after.phase is not Phase.BLANK)


def check_card(before: CardState, after: CardState) -> None:
    """What holds between two states of a card."""
    _check_chip(before, after)
    hold("PIN tries are within their limit", 0 <= after.pin_tries <= after.pin_limit)
    hold(
        "trips are whole",
        len(after.trips) <= 30 and all(len(trip) == TripRecord.length() for trip in after.trips),
    )
    if content := after.files.get(EF15):
        PublicInfo.parse(content)
    for purse in (PURSE, DEPOSIT):
        _check_purse(before, after, purse)


def _check_purse(before: CardState, after: CardState, purse: int) -> None:
    old, new = before.account(purse), after.account(purse)
    hold("a balance fits four bytes", 0 <= new.balance_fen < 1 << 32)
    hold("an overdraft limit fits three bytes", 0 <= new.overdraft_limit_fen < 1 << 24)
    hold("counters fit two bytes", 0 <= new.online_atc <= 0xFFFF and 0 <= new.offline_atc <= 0xFFFF)
    hold(
        "a log has ten whole records",
        len(new.log) <= 10 and all(len(entry) == LogRecord.length() for entry in new.log),
    )
    if before.phase is Phase.BLANK or old == new:
        return
    steps = new.online_atc - old.online_atc, new.offline_atc - old.offline_atc
    hold("one transaction is one step of one counter", steps in ((1, 0), (0, 1)))
    hold("a transaction is logged", bool(new.log))
    entry = LogRecord.parse(new.log[0])
    hold("a transaction is logged on top of the older ones", new.log[1:] == old.log[: len(new.log) - 1])
    if entry.kind == TransactionType.OVERDRAFT_UPDATE:
        hold("a new limit leaves the holder's money alone", new.funds_fen == old.funds_fen)
    else:
        hold(
            "the purse moves by what the log says", abs(new.balance_fen - old.balance_fen) == entry.amount_fen
        )
        hold("the limit stays", new.overdraft_limit_fen == old.overdraft_limit_fen)


def check_sam(before: SamState, after: SamState) -> None:
    """What holds between two states of a SAM."""
    _check_chip(before, after)
    hold("a sequence number is used once", after.terminal_seq - before.terminal_seq in (0, 1))


def _dialogue(kind: type[AnyChip], at: int, play: Callable[[Recorder], None]) -> bytes:
    with fixed_dice():
        recorder = Recorder(_powered(kind, at))
        play(recorder)
    return bytes([at & 1]) + recorder.said


def _deposit(card: Recorder) -> None:
    """Load, unload and a new overdraft limit of the electronic deposit."""
    session = DepositSession(card)
    info = session.select().public_info
    assert info is not None
    session.verify_pin(PIN)
    load = session.init_load(1_000, COUNTER)
    session.credit_for_load(WHEN, KEYS.mac2(info.serial8, load, 1_000, kind=TransactionType.ED_LOAD))
    session.verify_pin(PIN)
    unload = session.init_unload(100, COUNTER)
    session.debit_for_unload(WHEN, KEYS.mac2(info.serial8, unload, 100, kind=TransactionType.UNLOAD))
    session.verify_pin(PIN)
    update = session.init_overdraft_update(COUNTER)
    session.update_overdraft_limit(900, WHEN, KEYS.limit_mac2(info.serial8, update, 900))
    session.log()


def _pay(card: Recorder, sam: Recorder) -> None:
    till = Till.over(card, sam)
    till.load(1_000)
    till.pay(300)
    till.purse.transaction_prove(TransactionType.PURCHASE, 1)
    till.purse.log()
    till.purse.trips()


def _ride(card: Recorder, sam: Recorder) -> None:
    """A compound purchase that writes a trip."""
    till = Till.over(card, sam)
    info = till.purse.select().public_info
    assert info is not None
    init = till.purse.init_purchase(200, TERMINAL, capp=True)
    till.purse.cache_trip(TripRecord.parse(TRIP))
    debit = till.sam.init_for_purchase(
        init, amount_fen=200, kind=TransactionType.CAPP_PURCHASE, when=WHEN, card_serial8=info.serial8
    )
    till.sam.credit(till.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1).mac2)


def card_seeds() -> Iterator[bytes]:
    """Personalisation, a load and a purchase, the deposit's transactions: with MACs that are right."""
    yield _dialogue(Chip, 0, lambda card: personalise(card, card_spec(), KEYS))  # type: ignore[arg-type, return-value]
    yield _dialogue(Chip, 1, lambda card: _pay(card, Recorder(_powered(Psam, 3))))
    yield _dialogue(Chip, 1, _deposit)
    yield _dialogue(Chip, 1, lambda card: _ride(card, Recorder(_powered(Psam, 3))))


def sam_seeds() -> Iterator[bytes]:
    """Personalisation, and a purchase seen by the SAM."""
    yield _dialogue(Psam, 2, lambda sam: personalise_sam(sam, sam_spec(), KEYS))  # type: ignore[arg-type, return-value]
    yield _dialogue(Psam, 3, lambda sam: _pay(Recorder(_powered(Chip, 1)), sam))
    yield b"\x01" + bytes([5]) + bytes.fromhex("00B0960006") + b"\x00" + bytes([len(TERMINAL)]) + TERMINAL


CHIPS: Final = (
    Target("card", lambda data: hail(Chip, 0, check_card, data), card_seeds),
    Target("psam", lambda data: hail(Psam, 2, check_sam, data), sam_seeds),
)
