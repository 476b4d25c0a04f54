"""A card torn from the field, or robbed of its power, at every single moment of a transaction."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from terminals.card.apdu import ProofNotAvailable
from terminals.card.crypto import TransactionType
from terminals.card.errors import CardRemoved
from terminals.card.purse import PurseSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import Content, MemoryStore
from tests.terminals.cards import Till, card_spec, issued_chip

START = 10_000
AMOUNT = 250


class PowerCut(Exception):
    pass


class TearingTransport(MemoryTransport):
    """Pulls the card at the n-th command, before the chip got it or after it answered."""

    def __init__(self, chip: Chip, at: int, executed: bool) -> None:
        super().__init__(chip)
        self.left, self.executed = at, executed

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self.left -= 1
        if self.left >= 0:
            return super().transmit(apdu)
        if self.executed:
            super().transmit(apdu)
        raise CardRemoved("torn")


class FailingStore(MemoryStore):
    """Loses power at the n-th write, before or after it reached the EEPROM."""

    left = 1 << 30
    written = False

    def save(self, content: Content) -> None:
        self.left -= 1
        if self.left >= 0 or self.written:
            super().save(content)
        if self.left < 0:
            raise PowerCut


def load(till: Till) -> None:
    till.load(AMOUNT)


def pay(till: Till) -> None:
    till.pay(AMOUNT)


CASES = [(load, AMOUNT, TransactionType.LOAD, 4), (pay, -AMOUNT, TransactionType.PURCHASE, 3)]


def check(chip: Chip, change: int, kind: TransactionType) -> bool:
    """Nothing or everything happened, PROVE tells which, and the next transaction works. True if it happened."""
    purse = PurseSession(MemoryTransport(chip))
    purse.select()
    balance, log = purse.balance_fen(), purse.log()
    try:
        purse.transaction_prove(kind, 1)
        done = True
    except ProofNotAvailable:
        done = False
    assert balance == START + (change if done else 0)
    assert [record.amount_fen for record in log] == ([AMOUNT] if done else [])
    return done


@pytest.mark.parametrize(("run", "change", "kind", "length"), CASES, ids=["load", "purchase"])
@pytest.mark.parametrize("executed", [False, True], ids=["command lost", "answer lost"])
def test_a_card_torn_at_every_command_stays_consistent(
    psam: Psam, run: Callable[[Till], None], change: int, kind: TransactionType, length: int, executed: bool
) -> None:
    outcomes = []
    for at in range(length):
        chip = issued_chip(card_spec(balance_fen=START))
        till = Till.over(TearingTransport(chip, at, executed), MemoryTransport(psam))
        with pytest.raises(CardRemoved):
            run(till)
        done = check(chip, change, kind)
        outcomes.append(done)
        run(Till.over(MemoryTransport(chip), MemoryTransport(psam)))
        assert chip.state.balance_fen == START + change * (2 if done else 1)
    assert outcomes == [False] * (length - 1) + [executed]


@pytest.mark.parametrize(("run", "change", "kind", "length"), CASES, ids=["load", "purchase"])
@pytest.mark.parametrize("written", [False, True], ids=["write lost", "written"])
def test_a_power_cut_at_every_write_leaves_old_or_new(
    psam: Psam, run: Callable[[Till], None], change: int, kind: TransactionType, length: int, written: bool
) -> None:
    outcomes = []
    for at in range(length):
        store = FailingStore()
        chip = issued_chip(card_spec(balance_fen=START), store)
        store.left, store.written = at, written
        try:
            run(Till.over(MemoryTransport(chip), MemoryTransport(psam)))
        except PowerCut:
            outcomes.append(check(Chip.load(store), change, kind))
    assert outcomes
    assert outcomes[-1] is written
    assert not any(outcomes[:-1])
