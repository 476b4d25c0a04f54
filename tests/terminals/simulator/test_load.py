from __future__ import annotations

import pytest

from terminals.card.apdu import ApduError, MacRejected, ProofNotAvailable
from terminals.card.crypto import TransactionType, load_mac1, load_session_key, load_tac
from terminals.card.keys import KeySlot
from terminals.card.purse import PurseSession
from terminals.card.status import StatusWord as Sw
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from tests.terminals.cards import (
    COUNTER,
    KEYS,
    PIN,
    WHEN,
    Till,
    card_spec,
    issued_chip,
    issued_psam,
    public_info,
)

SERIAL8 = public_info().serial8


def refused(caught: pytest.ExceptionInfo[ApduError]) -> int:
    return caught.value.sw


def test_a_load_adds_up_and_counts(till: Till) -> None:
    till.load(5000)
    init, _ = till.load(300)
    assert (init.balance_fen, init.online_atc) == (5000, 1)
    assert till.purse.balance_fen() == 5300


def test_mac1_and_tac_are_those_of_the_host(till: Till) -> None:
    init, tac = till.load(5000)
    key = load_session_key(KEYS.of(KeySlot.LOAD, SERIAL8), init.rand, init.online_atc)
    assert init.mac1 == load_mac1(key, 0, 5000, TransactionType.LOAD, COUNTER)
    dtk = KEYS.of(KeySlot.TAC, SERIAL8)
    assert tac == load_tac(dtk, 5000, 0, 5000, TransactionType.LOAD, COUNTER, WHEN)


def test_a_load_is_logged_and_proved(till: Till) -> None:
    init, tac = till.load(5000)
    (record,) = till.purse.log()
    assert (record.sequence, record.amount_fen, record.kind) == (1, 5000, TransactionType.LOAD)
    assert (record.terminal_no, record.when) == (COUNTER, WHEN)
    proof = till.purse.transaction_prove(TransactionType.LOAD, init.online_atc + 1)
    assert proof.tac == tac


def test_a_load_wants_the_pin_each_time(till: Till) -> None:
    till.load(100)
    with pytest.raises(ApduError) as caught:
        till.purse.init_load(100, COUNTER)
    assert refused(caught) == Sw.SECURITY_NOT_SATISFIED


def test_a_wrong_mac2_changes_nothing_and_ends_the_load(purse: PurseSession) -> None:
    purse.verify_pin(PIN)
    init = purse.init_load(100, COUNTER)
    with pytest.raises(MacRejected):
        purse.credit_for_load(WHEN, bytes(4))
    with pytest.raises(ApduError) as caught:
        purse.credit_for_load(WHEN, KEYS.mac2(SERIAL8, init, 100))
    assert refused(caught) == Sw.NOT_IN_THIS_STATE
    assert purse.balance_fen() == 0
    with pytest.raises(ProofNotAvailable):
        purse.transaction_prove(TransactionType.LOAD, 1)


def test_mac2_is_bound_to_its_amount(purse: PurseSession) -> None:
    purse.verify_pin(PIN)
    init = purse.init_load(100, COUNTER)
    with pytest.raises(MacRejected):
        purse.credit_for_load(WHEN, KEYS.mac2(SERIAL8, init, 1000))


def test_a_credit_without_initialize_is_refused(purse: PurseSession) -> None:
    with pytest.raises(ApduError) as caught:
        purse.credit_for_load(WHEN, bytes(4))
    assert refused(caught) == Sw.NOT_IN_THIS_STATE


def test_an_impossible_time_is_refused(purse: PurseSession, chip: Chip) -> None:
    purse.verify_pin(PIN)
    init = purse.init_load(100, COUNTER)
    apdu = bytes.fromhex("805200000B20261301000000") + KEYS.mac2(SERIAL8, init, 100)
    assert chip.transmit(apdu) == bytes.fromhex("6A80")


@pytest.mark.parametrize("amount", [0, 0x7FFF_FFFF])
def test_a_load_must_be_positive_and_fit(amount: int) -> None:
    purse = PurseSession(MemoryTransport(issued_chip(card_spec(balance_fen=1))))
    purse.select()
    purse.verify_pin(PIN)
    with pytest.raises(ApduError) as caught:
        purse.init_load(amount, COUNTER)
    assert refused(caught) == Sw.WRONG_DATA


def test_the_online_counter_ends_at_its_maximum() -> None:
    till = Till.over(
        MemoryTransport(issued_chip(card_spec(online_atc=0xFFFE))), MemoryTransport(issued_psam())
    )
    till.load(1)
    with pytest.raises(ApduError) as caught:
        till.load(1)
    assert refused(caught) == Sw.COUNTER_EXHAUSTED
    assert till.purse.balance_fen() == 1
