"""One card's life, told over every transport: what works in process works in the field."""

from __future__ import annotations

import time

import pytest

from terminals.card.apdu import InsufficientBalance, ProofNotAvailable, WrongPin
from terminals.card.bench import chip_serial
from terminals.card.crypto import TransactionType
from terminals.card.describe import describe_card
from terminals.card.errors import TransportError
from terminals.card.personalise import personalise, personalise_sam
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from tests.terminals.cards import (
    CARD_NUMBER,
    KEYS,
    PIN,
    TERMINAL,
    WHEN,
    Till,
    blank_chip,
    blank_psam,
    card_spec,
    issued_chip,
    public_info,
    sam_spec,
)
from tests.terminals.readers.slots import Slots
from tests.terminals.simulator.torn import OPERATIONS, ClumsyChip, Desk, Life, Moment, PowerCut

PAID = TransactionType.PURCHASE


def test_issue_load_pay_and_read(slots: Slots) -> None:
    card, sam = slots.card(blank_chip()), slots.sam(blank_psam())
    assert chip_serial(card) == b"CHIP0001"
    personalise(card, card_spec(), KEYS)
    personalise_sam(sam, sam_spec(), KEYS)
    till = Till.over(card, sam)
    till.load(5000)
    for _ in range(3):
        till.pay(200)
    shown = describe_card(card, PIN)
    assert (shown["card_number"], shown["balance_fen"]) == (CARD_NUMBER, 4400)
    assert [entry["amount_fen"] for entry in shown["log"]] == [200, 200, 200, 5000]
    assert shown["holder"]["name"] == "张晓明"


def test_refusals_arrive_as_typed_errors(slots: Slots, psam: Psam) -> None:
    till = Till.over(slots.card(issued_chip()), slots.sam(psam))
    with pytest.raises(InsufficientBalance):
        till.pay(1)
    with pytest.raises(WrongPin) as caught:
        till.purse.verify_pin("000000")
    assert caught.value.tries_left == 2


def test_a_reset_ends_what_was_begun(slots: Slots) -> None:
    chip = issued_chip(card_spec(balance_fen=100))
    transport = slots.card(chip)
    purse = PurseSession(transport)
    purse.select()
    purse.init_purchase(10, TERMINAL)
    assert transport.reset() == Chip.ATR
    assert chip.pending is None
    purse.select()
    assert purse.balance_fen() == 100


def test_a_purchase_may_take_its_time(slots: Slots, psam: Psam) -> None:
    chip = issued_chip(card_spec(balance_fen=1000))
    purse, sequence, mac1 = begin(slots, psam, chip)
    time.sleep(1)  # PC/SC looks twice meanwhile whether the card is still there
    purse.debit_for_purchase(sequence, WHEN, mac1)
    assert chip.state.balance_fen == 750


def begin(slots: Slots, psam: Psam, chip: Chip) -> tuple[PurseSession, int, bytes]:
    """A purchase up to the debit."""
    till = Till.over(slots.card(chip), slots.sam(psam))
    till.purse.select()
    init = till.purse.init_purchase(250, TERMINAL)
    debit = till.sam.init_for_purchase(
        init, amount_fen=250, kind=PAID, when=WHEN, card_serial8=public_info().serial8
    )
    return till.purse, debit.terminal_seq, debit.mac1


def test_a_card_pulled_before_the_debit_has_paid_nothing(slots: Slots, psam: Psam) -> None:
    chip = issued_chip(card_spec(balance_fen=1000))
    purse, sequence, mac1 = begin(slots, psam, chip)
    slots.pull_card()
    with pytest.raises(TransportError):
        purse.debit_for_purchase(sequence, WHEN, mac1)
    back = PurseSession(slots.card(chip))
    back.select()
    assert back.balance_fen() == 1000


STORY = ("load", "pay", "ride", "ride", "deposit_load", "deposit_pay", "withdraw", "unload", "set_limit")


def test_everything_a_card_can_do(slots: Slots) -> None:
    """Load, purchase, a ride there and back, and all of the deposit, in one go."""
    life = Life()
    card, sam = slots.card(life.chip()), SamSession(slots.sam(life.psam))
    sam.open()
    for name in STORY:
        operation = next(each for each in OPERATIONS if each.name == name)
        amount = 5_000 if "load" in name and name != "unload" else 200
        operation.run(Desk(card, sam, life.book), amount)
        life.book = operation.after(life.book, amount)
    shown = describe_card(card)
    assert shown["balance_fen"] == life.book.purse.balance == 4_400
    assert len(shown["trips"]) == 2
    assert life.seen() == life.book


@pytest.mark.parametrize("moment", [Moment.WRITE_LOST, Moment.ANSWER_LOST])
@pytest.mark.parametrize("name", ["load", "ride", "withdraw", "unload"])
def test_a_card_torn_off_in_its_commit_proves_what_it_did(slots: Slots, name: str, moment: Moment) -> None:
    life = rich_life()
    operation = next(each for each in OPERATIONS if each.name == name)
    after, sequence = operation.after(life.book, 200), life.psam.state.terminal_seq
    sam = SamSession(slots.sam(life.psam))
    sam.open()
    desk = Desk(slots.card(ClumsyChip(life.chip(), life.store, moment)), sam, life.book)
    with pytest.raises((TransportError, PowerCut)):
        operation.run(desk, 200)
    slots.pull_card()
    done = moment is Moment.ANSWER_LOST
    back = PurseSession(slots.card(life.chip()))
    back.select()
    if done:
        proof = back.transaction_prove(operation.proof_kind, operation.counter_after(life.book))
        assert proof.tac == operation.tac(life.book, 200, sequence)
    else:
        with pytest.raises(ProofNotAvailable):
            back.transaction_prove(operation.proof_kind, operation.counter_after(life.book))
    assert life.seen() == (after if done else life.book)


def rich_life() -> Life:
    """A card with 100 yuan in each purse."""
    life = Life()
    for operation in OPERATIONS:
        if operation.name in ("load", "deposit_load"):
            operation.run(life.desk(MemoryTransport(life.chip())), 10_000)
            life.book = operation.after(life.book, 10_000)
    return life


def test_one_card_after_the_other(slots: Slots) -> None:
    numbers = ["3105883700000000001", "3105883700000000002"]
    seen = []
    for number in numbers:
        purse = PurseSession(slots.card(issued_chip(card_spec(number))))
        info = purse.select().public_info
        assert info is not None
        seen.append(purse.profile.card_number(info))
        slots.pull_card()
    assert seen == numbers


def test_a_closed_connection_is_closed(slots: Slots) -> None:
    transport = slots.card(issued_chip())
    transport.close()
    for use in (transport.reset, lambda: transport.transmit(bytes.fromhex("00B0850008"))):
        with pytest.raises(TransportError):
            use()
    transport.close()
