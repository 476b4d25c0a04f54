"""The electronic deposit: recorded conversations, and every transaction with a simulated card and a host in miniature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from terminals.card import crypto
from terminals.card.apdu import ApduError, InsufficientBalance, MacRejected, ProofNotAvailable
from terminals.card.crypto import TransactionType
from terminals.card.deposit import DepositSession
from terminals.card.keys import KeySlot
from terminals.card.messages import LoadInit, OverdraftInit
from terminals.card.sam import SamSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.psam import Psam
from tests.terminals.card.scripted import ScriptedTransport
from tests.terminals.card.vectors import vector
from tests.terminals.cards import COUNTER, KEYS, PIN, TERMINAL, WHEN, card_spec, issued_chip, public_info

SERIAL = public_info().serial8
DTK = KEYS.of(KeySlot.TAC, SERIAL)


def moment(fields: dict[str, str]) -> datetime:
    return datetime.strptime(fields["date"] + fields["time"], "%Y%m%d%H%M%S")


def test_the_published_load() -> None:
    given_, expected = vector("load-apdus")
    script = ScriptedTransport(
        (expected["init_apdu_without_le"] + "10", given_["init_response"] + "9000"),
        (expected["credit_apdu_without_le"] + "04", "6314E5F5" + "9000"),
    )
    session = DepositSession(script)
    init = session.init_load(0x1000, bytes.fromhex(given_["init_fields"]["terminal"]))
    parsed = expected["parsed"]
    assert init == LoadInit(0, 0, 2, 0, bytes.fromhex(parsed["random"]), bytes.fromhex(parsed["MAC1"]))
    credit = given_["credit_fields"]
    assert session.credit_for_load(moment(credit), bytes.fromhex(credit["mac2"])).hex() == "6314e5f5"
    script.assert_finished()


def test_the_overdraft_limit_in_one_printed_conversation() -> None:
    script = ScriptedTransport(
        (
            "80500401070100112233445513",
            "00000F00" + "0007" + "000320" + "0100" + "11223344" + "A1A2A3A4" + "9000",
        ),
        ("805800000E0003E820111221214822B1B2B3B404", "C1C2C3C4" + "9000"),
    )
    session = DepositSession(script)
    init = session.init_overdraft_update(bytes.fromhex("001122334455"))
    assert init == OverdraftInit(0xF00, 7, 800, 1, 0, bytes.fromhex("11223344"), bytes.fromhex("A1A2A3A4"))
    when, mac2 = datetime.fromisoformat("2011-12-21T21:48:22"), bytes.fromhex("B1B2B3B4")
    assert session.update_overdraft_limit(1000, when, mac2).hex() == "c1c2c3c4"
    script.assert_finished()


@dataclass
class Host:
    """The issuer's host: checks what the card proves, answers with MAC2."""

    def session(self, slot: KeySlot, rand: bytes, online_atc: int) -> bytes:
        return crypto.load_session_key(KEYS.of(slot, SERIAL), rand, online_atc)

    def load(self, session: DepositSession, amount_fen: int) -> tuple[LoadInit, bytes]:
        session.verify_pin(PIN)
        init = session.init_load(amount_fen, COUNTER)
        key, kind = self.session(KeySlot.LOAD, init.rand, init.online_atc), TransactionType.ED_LOAD
        assert init.mac1 == crypto.load_mac1(key, init.balance_fen, amount_fen, kind, COUNTER)
        return init, session.credit_for_load(WHEN, crypto.load_mac2(key, amount_fen, kind, COUNTER, WHEN))

    def unload(self, session: DepositSession, amount_fen: int, spoil: int = 0) -> tuple[LoadInit, bytes]:
        session.verify_pin(PIN)
        init = session.init_unload(amount_fen, COUNTER)
        key, kind = self.session(KeySlot.UNLOAD, init.rand, init.online_atc), TransactionType.UNLOAD
        assert init.mac1 == crypto.load_mac1(key, init.balance_fen, amount_fen, kind, COUNTER)
        mac2 = crypto.load_mac2(key, amount_fen, kind, COUNTER, WHEN)
        mac3 = session.debit_for_unload(WHEN, bytes([mac2[0] ^ spoil]) + mac2[1:])
        left = init.balance_fen - amount_fen
        assert mac3 == crypto.unload_mac3(key, left, init.online_atc, amount_fen, COUNTER, WHEN)
        return init, mac3

    def limit(self, session: DepositSession, limit_fen: int) -> OverdraftInit:
        session.verify_pin(PIN)
        init = session.init_overdraft_update(COUNTER)
        key = self.session(KeySlot.OVERDRAFT, init.rand, init.online_atc)
        assert init.mac1 == crypto.overdraft_mac1(key, init.balance_fen, init.limit_fen, COUNTER)
        mac2 = crypto.overdraft_mac2(key, limit_fen, COUNTER, WHEN)
        tac = session.update_overdraft_limit(limit_fen, WHEN, mac2)
        after = init.balance_fen + limit_fen - init.limit_fen
        assert tac == crypto.overdraft_tac(DTK, after, init.online_atc, limit_fen, COUNTER, WHEN)
        return init


HOST = Host()


@pytest.fixture
def deposit() -> DepositSession:
    """A card with deposit and purse, selected."""
    spec = card_spec()
    spec = replace(spec, public_info=replace(spec.public_info, application_type=3))
    session = DepositSession(MemoryTransport(issued_chip(spec)))
    session.select()
    return session


def test_a_load_is_confirmed_by_its_tac(deposit: DepositSession) -> None:
    init, tac = HOST.load(deposit, 50_000)
    kind = TransactionType.ED_LOAD
    assert tac == crypto.load_tac(DTK, 50_000, init.online_atc, 50_000, kind, COUNTER, WHEN)
    assert deposit.balance_fen() == 50_000
    assert deposit.transaction_prove(kind, init.online_atc + 1).tac == tac


def test_an_unload_takes_exactly_the_amount_and_proves_it_by_mac3(deposit: DepositSession) -> None:
    HOST.load(deposit, 50_000)
    init, mac3 = HOST.unload(deposit, 20_000)
    assert deposit.balance_fen() == 30_000
    assert deposit.transaction_prove(TransactionType.UNLOAD, init.online_atc + 1).mac == mac3


def test_a_false_host_unloads_nothing(deposit: DepositSession) -> None:
    HOST.load(deposit, 50_000)
    with pytest.raises(MacRejected):
        HOST.unload(deposit, 20_000, spoil=1)
    assert deposit.balance_fen() == 50_000
    with pytest.raises(ProofNotAvailable):
        deposit.transaction_prove(TransactionType.UNLOAD, 2)


def test_more_than_the_deposit_is_not_unloaded(deposit: DepositSession) -> None:
    HOST.load(deposit, 100)
    with pytest.raises(InsufficientBalance):
        HOST.unload(deposit, 101)


def test_the_overdraft_limit_moves_the_balance_it_is_part_of(deposit: DepositSession) -> None:
    HOST.load(deposit, 1_000)
    assert HOST.limit(deposit, 800).limit_fen == 0
    assert deposit.balance_fen() == 1_800
    assert HOST.limit(deposit, 300).limit_fen == 800
    assert deposit.balance_fen() == 1_300


@pytest.mark.parametrize("kind", [TransactionType.ED_PURCHASE, TransactionType.ED_WITHDRAW])
def test_purchase_and_withdrawal_go_through_the_sam(
    deposit: DepositSession, psam: Psam, kind: TransactionType
) -> None:
    HOST.load(deposit, 1_000)
    sam = SamSession(MemoryTransport(psam))
    sam.open()
    deposit.verify_pin(PIN)
    begin = deposit.init_cash_withdraw if kind is TransactionType.ED_WITHDRAW else deposit.init_purchase
    init = begin(300, TERMINAL)
    debit = sam.init_for_purchase(init, amount_fen=300, kind=kind, when=WHEN, card_serial8=SERIAL)
    proof = deposit.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
    sam.credit(proof.mac2)
    assert proof.tac == crypto.purchase_tac(DTK, 300, kind, TERMINAL, debit.terminal_seq, WHEN)
    assert deposit.balance_fen() == 700
    assert [(record.kind, record.amount_fen) for record in deposit.log()] == [
        (kind, 300),
        (TransactionType.ED_LOAD, 1_000),
    ]


def test_a_card_without_deposit_says_so() -> None:
    session = DepositSession(MemoryTransport(issued_chip()))
    session.select()
    with pytest.raises(ApduError, match=r"GET BALANCE .* 6981"):
        session.balance_fen()
