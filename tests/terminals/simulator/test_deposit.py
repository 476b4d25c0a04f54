"""The electronic deposit beside the purse: load, purchase, withdrawal, unload, overdraft, each with its proof."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from terminals.card.apdu import ApduError, InsufficientBalance, MacRejected, ProofNotAvailable
from terminals.card.commands import DEPOSIT, PURSE, BalancePart
from terminals.card.crypto import (
    TransactionType,
    load_mac1,
    load_tac,
    overdraft_mac1,
    overdraft_tac,
    purchase_tac,
    unload_mac3,
)
from terminals.card.deposit import DepositSession
from terminals.card.keys import KeySlot
from terminals.card.messages import PurchaseInit, PurchaseProof
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.status import StatusWord as Sw
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from tests.terminals.cards import (
    COUNTER,
    KEYS,
    PIN,
    TERMINAL,
    WHEN,
    card_spec,
    issued_chip,
    public_info,
)

SERIAL8 = public_info().serial8
KIND = TransactionType


@dataclass
class Bank:
    """A counter of the bank and a cash machine in miniature: the deposit of one card, and a SAM."""

    chip: Chip
    deposit: DepositSession
    sam: SamSession

    def load(self, amount_fen: int) -> bytes:
        self.deposit.verify_pin(PIN)
        init = self.deposit.init_load(amount_fen, COUNTER)
        mac2 = KEYS.mac2(SERIAL8, init, amount_fen, kind=KIND.ED_LOAD)
        return self.deposit.credit_for_load(WHEN, mac2)

    def unload(self, amount_fen: int) -> bytes:
        self.deposit.verify_pin(PIN)
        init = self.deposit.init_unload(amount_fen, COUNTER)
        mac2 = KEYS.mac2(SERIAL8, init, amount_fen, kind=KIND.UNLOAD)
        return self.deposit.debit_for_unload(WHEN, mac2)

    def set_limit(self, limit_fen: int) -> bytes:
        self.deposit.verify_pin(PIN)
        init = self.deposit.init_overdraft_update(COUNTER)
        return self.deposit.update_overdraft_limit(limit_fen, WHEN, KEYS.limit_mac2(SERIAL8, init, limit_fen))

    def pay(self, amount_fen: int) -> tuple[int, PurchaseProof]:
        self.deposit.verify_pin(PIN)
        return self._debit(self.deposit.init_purchase(amount_fen, TERMINAL), amount_fen, KIND.ED_PURCHASE)

    def withdraw(self, amount_fen: int) -> tuple[int, PurchaseProof]:
        self.deposit.verify_pin(PIN)
        init = self.deposit.init_cash_withdraw(amount_fen, TERMINAL)
        return self._debit(init, amount_fen, KIND.ED_WITHDRAW)

    def _debit(self, init: PurchaseInit, amount_fen: int, kind: int) -> tuple[int, PurchaseProof]:
        debit = self.sam.init_for_purchase(
            init, amount_fen=amount_fen, kind=kind, when=WHEN, card_serial8=SERIAL8
        )
        proof = self.deposit.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
        self.sam.credit(proof.mac2)
        return debit.terminal_seq, proof


def bank_for(chip: Chip, psam: Psam) -> Bank:
    deposit, sam = DepositSession(MemoryTransport(chip)), SamSession(MemoryTransport(psam))
    deposit.select()
    sam.open()
    return Bank(chip, deposit, sam)


@pytest.fixture
def bank(psam: Psam) -> Bank:
    return bank_for(issued_chip(card_spec(balance_fen=700, application_type=3)), psam)


def test_the_two_purses_are_strangers_to_each_other(bank: Bank) -> None:
    bank.load(5000)
    bank.pay(300)
    purse = PurseSession(MemoryTransport(bank.chip))
    purse.select()
    assert (bank.deposit.balance_fen(), purse.balance_fen()) == (4700, 700)
    assert bank.chip.state.account(PURSE).online_atc == bank.chip.state.account(PURSE).offline_atc == 0
    assert bank.chip.state.account(DEPOSIT).online_atc == bank.chip.state.account(DEPOSIT).offline_atc == 1
    assert purse.log() == []
    bank.deposit.select()
    assert [record.kind for record in bank.deposit.log()] == [KIND.ED_PURCHASE, KIND.ED_LOAD]


def test_a_load_is_proved_by_macs_and_tac_of_its_own_type(bank: Bank) -> None:
    bank.deposit.verify_pin(PIN)
    init = bank.deposit.init_load(5000, COUNTER)
    session = KEYS.session(KeySlot.LOAD, SERIAL8, init)
    assert init.mac1 == load_mac1(session, 0, 5000, KIND.ED_LOAD, COUNTER)
    tac = bank.deposit.credit_for_load(WHEN, KEYS.mac2(SERIAL8, init, 5000, kind=KIND.ED_LOAD))
    assert tac == load_tac(KEYS.of(KeySlot.TAC, SERIAL8), 5000, 0, 5000, KIND.ED_LOAD, COUNTER, WHEN)
    assert bank.deposit.transaction_prove(KIND.ED_LOAD, 1).tac == tac


@pytest.mark.parametrize(
    ("run", "kind"), [(Bank.pay, KIND.ED_PURCHASE), (Bank.withdraw, KIND.ED_WITHDRAW)], ids=["pay", "cash"]
)
def test_a_purchase_and_a_withdrawal_differ_by_their_type_only(
    bank: Bank, run: object, kind: TransactionType
) -> None:
    assert callable(run)
    bank.load(5000)
    sequence, proof = run(bank, 1200)
    dtk = KEYS.of(KeySlot.TAC, SERIAL8)
    assert proof.tac == purchase_tac(dtk, 1200, kind, TERMINAL, sequence, WHEN)
    shown = bank.deposit.transaction_prove(kind, 1)
    assert (shown.mac, shown.tac) == (proof.mac2, proof.tac)
    assert bank.deposit.balance_fen() == 3800
    assert bank.deposit.log()[0].kind == kind


def test_an_unload_ends_with_mac3_and_is_proved_by_it(bank: Bank) -> None:
    bank.load(5000)
    bank.deposit.verify_pin(PIN)
    init = bank.deposit.init_unload(2000, COUNTER)
    session = KEYS.session(KeySlot.UNLOAD, SERIAL8, init)
    assert init.mac1 == load_mac1(session, 5000, 2000, KIND.UNLOAD, COUNTER)
    mac3 = bank.deposit.debit_for_unload(WHEN, KEYS.mac2(SERIAL8, init, 2000, kind=KIND.UNLOAD))
    assert mac3 == unload_mac3(session, 3000, 1, 2000, COUNTER, WHEN)
    assert bank.deposit.transaction_prove(KIND.UNLOAD, 2).mac == mac3
    assert bank.deposit.balance_fen() == 3000


def test_the_overdraft_limit_moves_the_balance_with_it(bank: Bank) -> None:
    bank.load(1000)
    bank.deposit.verify_pin(PIN)
    init = bank.deposit.init_overdraft_update(COUNTER)
    session = KEYS.session(KeySlot.OVERDRAFT, SERIAL8, init)
    assert (init.balance_fen, init.online_atc, init.limit_fen) == (1000, 1, 0)
    assert init.mac1 == overdraft_mac1(session, 1000, 0, COUNTER)
    tac = bank.deposit.update_overdraft_limit(800, WHEN, KEYS.limit_mac2(SERIAL8, init, 800))
    assert tac == overdraft_tac(KEYS.of(KeySlot.TAC, SERIAL8), 1800, 1, 800, COUNTER, WHEN)
    assert bank.deposit.transaction_prove(KIND.OVERDRAFT_UPDATE, 2).tac == tac
    bank.pay(1500)
    assert [bank.deposit.balance_fen(part) for part in BalancePart] == [300, 800, 500, 0]
    assert bank.deposit.log()[0].overdraft_limit_fen == 800


def test_a_limit_cannot_fall_below_what_is_overdrawn(bank: Bank) -> None:
    bank.set_limit(800)
    bank.pay(500)
    with pytest.raises(InsufficientBalance):
        bank.set_limit(499)
    bank.set_limit(500)
    assert bank.deposit.balance_fen() == 0


def test_the_banks_money_is_spent_but_not_unloaded(bank: Bank) -> None:
    bank.load(100)
    bank.set_limit(800)
    with pytest.raises(InsufficientBalance):
        bank.unload(101)
    with pytest.raises(InsufficientBalance):
        bank.withdraw(901)
    bank.withdraw(900)


@pytest.mark.parametrize("step", [Bank.load, Bank.pay, Bank.withdraw, Bank.unload, Bank.set_limit])
def test_everything_of_the_deposit_wants_the_pin_again(bank: Bank, step: object) -> None:
    assert callable(step)
    bank.load(100)
    bank.deposit.verify_pin = lambda pin: None  # type: ignore[method-assign]
    with pytest.raises(ApduError) as caught:
        step(bank, 1)
    assert caught.value.sw == Sw.SECURITY_NOT_SATISFIED


def test_a_wrong_mac2_moves_nothing_and_ends_it(bank: Bank) -> None:
    bank.load(1000)
    bank.deposit.verify_pin(PIN)
    bank.deposit.init_unload(100, COUNTER)
    with pytest.raises(MacRejected):
        bank.deposit.debit_for_unload(WHEN, bytes(4))
    bank.deposit.init_overdraft_update(COUNTER)
    with pytest.raises(MacRejected):
        bank.deposit.update_overdraft_limit(100, WHEN, bytes(4))
    assert bank.deposit.balance_fen() == 1000
    with pytest.raises(ProofNotAvailable):
        bank.deposit.transaction_prove(KIND.UNLOAD, 2)


@pytest.mark.parametrize(
    ("begin", "second"),
    [
        ("805000010B0100000064362000009999", "805401000F" + "00" * 15),  # load, debit for purchase
        ("805001010B0100000064362000009999", "805200000B" + "00" * 11),  # purchase, credit for load
        ("805005010B0100000001362000009999", "805200000B" + "00" * 11),  # unload, credit for load
        ("805000010B0100000064362000009999", "805403000B" + "00" * 11),  # load, debit for unload
        ("805000010B0100000064362000009999", "805800000E" + "00" * 14),  # load, update limit
        ("80500401070136200000" + "9999", "805200000B" + "00" * 11),  # update limit, credit for load
    ],
)
def test_a_second_half_fits_its_first_half_only(bank: Bank, begin: str, second: str) -> None:
    bank.load(1000)
    bank.deposit.verify_pin(PIN)
    assert bank.chip.transmit(bytes.fromhex(begin))[-2] in (0x61, 0x90)
    assert bank.chip.transmit(bytes.fromhex(second)) == bytes.fromhex("6901")
    assert bank.deposit.balance_fen() == 1000


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("805002020B", "6A81"),  # no cash withdrawal, unload, limit of the purse
        ("805005020B", "6A81"),
        ("8050040207", "6A81"),
        ("805003010B", "6A81"),  # no compound purchase of the deposit
        ("805006010B", "6A81"),
    ],
)
def test_what_a_purse_does_not_know_is_not_supported(bank: Bank, apdu: str, sw: str) -> None:
    bank.deposit.verify_pin(PIN)
    data = bytes(int(apdu[-2:], 16))
    assert bank.chip.transmit(bytes.fromhex(apdu) + data) == bytes.fromhex(sw)


def test_a_card_with_a_deposit_only_has_no_purse() -> None:
    chip = issued_chip(card_spec(application_type=1))
    chip.transmit(bytes.fromhex("00A4040008A00000063201010500"))
    assert chip.transmit(bytes.fromhex("805C000104")) == bytes.fromhex("000000009000")
    assert chip.transmit(bytes.fromhex("805C000204")) == bytes.fromhex("6981")


def test_a_card_without_deposit_has_no_log_of_one(chip: Chip) -> None:
    chip.transmit(bytes.fromhex("00A4040008A00000063201010500"))
    assert chip.transmit(bytes.fromhex("00B201CC17")) == bytes.fromhex("6A82")
    assert KeySlot.UNLOAD << 8 | 1 not in chip.state.keys
