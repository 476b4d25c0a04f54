from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminals.card import commands
from terminals.card.apdu import ApduError, InsufficientBalance, MacRejected, ProofNotAvailable, RecordNotFound
from terminals.card.crypto import TransactionType, purchase_tac
from terminals.card.files import TripRecord
from terminals.card.keys import KeySlot
from terminals.card.profile import CITY_UNION, T_UNION
from terminals.card.purse import PurseSession
from terminals.card.status import StatusWord as Sw
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from tests.terminals.cards import (
    CARD_NUMBER,
    KEYS,
    TERMINAL,
    WHEN,
    Till,
    card_spec,
    issued_chip,
    issued_psam,
    public_info,
)

SERIAL8 = public_info().serial8
PAID, CAPP = TransactionType.PURCHASE, TransactionType.CAPP_PURCHASE


def rich_till(psam: Psam, balance_fen: int = 10_000, limit_fen: int = 0, offline_atc: int = 0) -> Till:
    chip = issued_chip(card_spec(CARD_NUMBER, balance_fen, limit_fen, offline_atc))
    return Till.over(MemoryTransport(chip), MemoryTransport(psam))


def trip(amount_fen: int, balance_fen: int) -> TripRecord:
    return TripRecord(3, bytes(8), 1, "00000001", bytes(3), amount_fen, balance_fen, WHEN, "3970", bytes(8))


def pay_capp(till: Till, amount_fen: int, *trips: TripRecord) -> None:
    till.purse.select()
    init = till.purse.init_purchase(amount_fen, TERMINAL, capp=True)
    for record in trips:
        till.purse.cache_trip(record)
    debit = till.sam.init_for_purchase(
        init, amount_fen=amount_fen, kind=CAPP, when=WHEN, card_serial8=SERIAL8
    )
    proof = till.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
    till.sam.credit(proof.mac2)


def test_a_purchase_needs_no_pin_and_takes_exactly_the_amount(psam: Psam) -> None:
    till = rich_till(psam)
    init, sequence, proof = till.pay(180)
    assert (init.balance_fen, init.offline_atc) == (10_000, 0)
    assert till.purse.balance_fen() == 9_820
    dtk = KEYS.of(KeySlot.TAC, SERIAL8)
    assert proof.tac == purchase_tac(dtk, 180, PAID, TERMINAL, sequence, WHEN)


def test_a_purchase_is_logged_and_proved_until_the_next(psam: Psam) -> None:
    till = rich_till(psam)
    _, _, first = till.pay(180)
    shown = till.purse.transaction_prove(PAID, 1)
    assert (shown.mac, shown.tac) == (first.mac2, first.tac)
    till.pay(20)
    with pytest.raises(ProofNotAvailable):
        till.purse.transaction_prove(PAID, 1)
    assert [(record.sequence, record.amount_fen) for record in till.purse.log()] == [(2, 20), (1, 180)]


def test_the_log_keeps_the_last_ten(psam: Psam) -> None:
    till = rich_till(psam)
    for amount in range(1, 13):
        till.pay(amount)
    assert [record.amount_fen for record in till.purse.log()] == list(range(12, 2, -1))


def test_more_than_the_balance_is_refused(psam: Psam) -> None:
    till = rich_till(psam, balance_fen=100)
    with pytest.raises(InsufficientBalance):
        till.pay(101)
    till.pay(100)
    assert till.purse.balance_fen() == 0


def test_the_overdraft_limit_is_part_of_the_balance(psam: Psam) -> None:
    chip = issued_chip(card_spec(balance_fen=900, overdraft_limit_fen=800))
    till = Till.over(MemoryTransport(chip), MemoryTransport(psam))
    init, _, _ = till.pay(300)
    assert (init.balance_fen, init.overdraft_limit_fen, init.funds_fen) == (900, 800, 100)
    shown = {p1: chip.transmit(bytes([0x80, 0x5C, p1, 2, 4]))[:-2] for p1 in (0, 1, 2, 3)}
    assert {p1: int.from_bytes(value) for p1, value in shown.items()} == {0: 600, 1: 800, 2: 200, 3: 0}
    assert till.purse.log()[0].overdraft_limit_fen == 800


def test_a_mac1_for_another_amount_is_refused_and_nothing_is_taken(psam: Psam) -> None:
    till = rich_till(psam)
    till.purse.select()
    init = till.purse.init_purchase(1000, TERMINAL)
    debit = till.sam.init_for_purchase(init, amount_fen=1, kind=PAID, when=WHEN, card_serial8=SERIAL8)
    with pytest.raises(MacRejected):
        till.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
    assert till.purse.balance_fen() == 10_000
    assert till.purse.log() == []


def test_a_debit_is_good_once(psam: Psam) -> None:
    till = rich_till(psam)
    till.purse.select()
    init = till.purse.init_purchase(10, TERMINAL)
    debit = till.sam.init_for_purchase(init, amount_fen=10, kind=PAID, when=WHEN, card_serial8=SERIAL8)
    till.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
    with pytest.raises(ApduError) as caught:
        till.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
    assert caught.value.sw == Sw.NOT_IN_THIS_STATE
    assert till.purse.balance_fen() == 9_990


@pytest.mark.parametrize("between", ["00A4040008A000000632010105", "805C000204", "0084000008", "00B2010C00"])
def test_another_command_ends_the_purchase_begun(psam: Psam, between: str) -> None:
    chip = issued_chip(card_spec(balance_fen=100))
    till = Till.over(MemoryTransport(chip), MemoryTransport(psam))
    till.purse.select()
    init = till.purse.init_purchase(10, TERMINAL)
    debit = till.sam.init_for_purchase(init, amount_fen=10, kind=PAID, when=WHEN, card_serial8=SERIAL8)
    chip.transmit(bytes.fromhex(between))
    with pytest.raises(ApduError) as caught:
        till.purse.debit_for_purchase(debit.terminal_seq, WHEN, debit.mac1)
    assert caught.value.sw == Sw.NOT_IN_THIS_STATE


def test_the_counter_ends_at_its_maximum(psam: Psam) -> None:
    till = rich_till(psam, offline_atc=0xFFFE)
    till.pay(1)
    with pytest.raises(ApduError) as caught:
        till.pay(1)
    assert caught.value.sw == Sw.COUNTER_EXHAUSTED
    assert till.purse.transaction_prove(PAID, 0xFFFF)


def test_capp_commits_trip_and_purse_together(psam: Psam) -> None:
    till = rich_till(psam)
    pay_capp(till, 0, trip(0, 10_000))
    pay_capp(till, 300, trip(300, 9_700))
    assert till.purse.balance_fen() == 9_700
    assert [(record.amount_fen, record.balance_after_fen) for record in till.purse.trips()] == [
        (300, 9_700),
        (0, 10_000),
    ]
    assert [record.kind for record in till.purse.log()] == [CAPP, CAPP]
    assert till.purse.transaction_prove(CAPP, 2)


def test_the_trip_file_keeps_the_last_thirty(psam: Psam) -> None:
    till = rich_till(psam)
    for count in range(33):
        pay_capp(till, 1, trip(count, 0))
    assert [record.amount_fen for record in till.purse.trips()] == list(range(32, 2, -1))


def test_capp_without_a_cached_record_is_refused(psam: Psam) -> None:
    till = rich_till(psam)
    with pytest.raises(ApduError) as caught:
        pay_capp(till, 100)
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED
    assert till.purse.balance_fen() == 10_000


def test_a_cached_record_is_gone_with_the_transaction(psam: Psam) -> None:
    till = rich_till(psam)
    till.purse.select()
    till.purse.init_purchase(100, TERMINAL, capp=True)
    till.purse.cache_trip(trip(100, 0))
    pay_capp(till, 50, trip(50, 9_950))
    assert [record.amount_fen for record in till.purse.trips()] == [50]


def test_the_cache_is_open_inside_capp_only_and_for_the_trip_file_only(psam: Psam) -> None:
    till = rich_till(psam)
    till.purse.select()
    till.purse.init_purchase(100, TERMINAL)
    with pytest.raises(ApduError) as caught:
        till.purse.cache_trip(trip(100, 0))
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED
    till.purse.init_purchase(100, TERMINAL, capp=True)
    with pytest.raises(RecordNotFound):
        till.purse.update_capp_cache(sfi=0x1A, record=bytes(128), reference=2, mode=0)


def test_a_city_union_card_pays_as_well_but_keeps_no_trips(psam: Psam) -> None:
    spec = replace(
        card_spec(balance_fen=500),
        public_info=public_info("3100000020915087", CITY_UNION),
        profile=CITY_UNION,
    )
    chip = issued_chip(spec)
    till = Till(
        PurseSession(MemoryTransport(chip), CITY_UNION),
        Till.over(MemoryTransport(chip), MemoryTransport(psam)).sam,
    )
    till.pay(200)
    assert till.purse.balance_fen() == 300
    with pytest.raises(ApduError) as caught:
        till.purse.trips()
    assert caught.value.sw == Sw.FILE_NOT_FOUND
    with pytest.raises(ApduError) as caught:
        PurseSession(MemoryTransport(chip), T_UNION).select()
    assert caught.value.sw == Sw.FILE_NOT_FOUND


def test_a_false_key_index_purse_or_length_is_refused(chip: Chip, purse: PurseSession) -> None:
    assert purse.balance_fen() == 0
    assert chip.transmit(commands.initialize(1, 7, 0, TERMINAL, 15).to_bytes()) == bytes.fromhex("9403")
    assert chip.transmit(bytes.fromhex("805C000104")) == bytes.fromhex("6981")
    assert chip.transmit(bytes.fromhex("805C040204")) == bytes.fromhex("6A86")
    assert chip.transmit(bytes.fromhex("805C000210")) == bytes.fromhex("6C04")
    assert chip.transmit(bytes.fromhex("805001020A") + bytes(10)) == bytes.fromhex("6700")
    assert chip.transmit(bytes.fromhex("805005020B") + bytes(11)) == bytes.fromhex("6A81")
    assert chip.transmit(bytes.fromhex("805001020B01") + bytes(10) + b"\x10") == bytes.fromhex("6C0F")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["load", "pay"]), st.integers(1, 3000)), max_size=12))
def test_money_is_conserved_and_counters_never_skip(steps: list[tuple[str, int]]) -> None:
    till = Till.over(MemoryTransport(issued_chip()), MemoryTransport(issued_psam()))
    balance, counts, sequences = 0, {"load": 0, "pay": 0}, []
    for kind, amount in steps:
        if kind == "load":
            init, _ = till.load(amount)
            assert (init.balance_fen, init.online_atc) == (balance, counts["load"])
            balance += amount
        elif amount > balance:
            with pytest.raises(InsufficientBalance):
                till.pay(amount)
            continue
        else:
            begun, sequence, _ = till.pay(amount)
            assert (begun.balance_fen, begun.offline_atc) == (balance, counts["pay"])
            sequences.append(sequence)
            balance -= amount
        counts[kind] += 1
    till.purse.select()
    assert till.purse.balance_fen() == balance
    assert sequences == list(range(1, counts["pay"] + 1))
    assert len(till.purse.log()) == min(10, sum(counts.values()))


def test_a_card_answers_at_once_where_no_length_was_asked_for() -> None:
    """A chip without contacts knows no GET RESPONSE: many terminal programs leave Le away and expect the data."""
    chip = issued_chip()
    answer = chip.transmit(replace(commands.select_name(T_UNION.aid), le=None).to_bytes())
    assert answer[:1] == b"\x6f"
    assert answer[-2:] == b"\x90\x00"
    assert chip.transmit(bytes.fromhex("805C0002")) == bytes.fromhex("000000009000")
