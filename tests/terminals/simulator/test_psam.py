from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from terminals.card.apdu import ApduError, Command, MacRejected
from terminals.card.crypto import (
    TransactionType,
    diversify_levels,
    purchase_mac1,
    purchase_mac2,
    purchase_session_key,
    purchase_tac,
)
from terminals.card.keys import KeySlot, mac_command
from terminals.card.purse import PurchaseInit
from terminals.card.sam import SamDebit, SamSession
from terminals.card.status import StatusWord as Sw
from terminals.readers.memory import MemoryTransport
from terminals.simulator.psam import MAC2_FAILURE_LIMIT, Psam
from terminals.simulator.store import DirectoryStore
from tests.terminals.cards import (
    ISSUER,
    KEYS,
    TERMINAL,
    WHEN,
    Till,
    blank_psam,
    card_spec,
    issued_chip,
    issued_psam,
    public_info,
)
from tests.terminals.simulator.torn import FragileStore, Moment, PowerCut

SERIAL8 = public_info().serial8
INIT = PurchaseInit(10_000, 54, 0, 1, 0, bytes.fromhex("84176AD7"))
PAID = TransactionType.PURCHASE


def opened(psam: Psam) -> SamSession:
    session = SamSession(MemoryTransport(psam))
    session.open()
    return session


def begin(sam: SamSession, init: PurchaseInit = INIT, factors: tuple[bytes, ...] = ()) -> SamDebit:
    return sam.init_for_purchase(
        init, amount_fen=180, kind=PAID, when=WHEN, card_serial8=SERIAL8, factors=factors
    )


def session_key(debit: SamDebit, version: int = 1, *levels: bytes) -> bytes:
    dpk = diversify_levels(KEYS.master(KeySlot.PURCHASE, version), *levels, SERIAL8)
    return purchase_session_key(dpk, INIT.rand, INIT.offline_atc, debit.terminal_seq)


def test_it_tells_who_it_is(psam: Psam) -> None:
    identity = SamSession(MemoryTransport(psam)).open()
    assert identity.serial == "36200000000000000017"
    assert identity.terminal_no == TERMINAL
    assert identity.management.issuer == ISSUER


@pytest.mark.parametrize("version", [1, 2])
def test_mac1_is_made_with_the_card_key_of_that_version(psam: Psam, version: int) -> None:
    init = PurchaseInit(INIT.balance_fen, INIT.offline_atc, 0, version, 0, INIT.rand)
    debit = begin(opened(psam), init)
    assert debit.mac1 == purchase_mac1(session_key(debit, version), 180, PAID, TERMINAL, WHEN)


def test_further_levels_come_serial_first_and_are_used_city_first(psam: Psam) -> None:
    issuer, city = b"ISSUER__", b"CITY____"
    debit = begin(opened(psam), factors=(issuer, city))
    assert debit.mac1 == purchase_mac1(session_key(debit, 1, city, issuer), 180, PAID, TERMINAL, WHEN)


def test_an_unknown_key_version_is_refused_without_using_a_number(psam: Psam) -> None:
    sam = opened(psam)
    with pytest.raises(ApduError) as caught:
        begin(sam, PurchaseInit(0, 0, 0, 9, 0, INIT.rand))
    assert caught.value.sw == Sw.KEY_INDEX_UNSUPPORTED
    assert begin(sam).terminal_seq == 1


def test_numbers_never_repeat_even_after_a_power_cut(tmp_path: Path) -> None:
    seen = [begin(opened(issued_psam(DirectoryStore(tmp_path)))).terminal_seq]
    seen += [begin(opened(Psam.open(tmp_path))).terminal_seq for _ in range(3)]
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("moment", [Moment.WRITE_LOST, Moment.WRITTEN])
def test_numbers_never_repeat_when_the_power_fails_in_the_write(moment: Moment) -> None:
    store, seen = FragileStore(), []
    issued_psam(store)
    for _ in range(3):
        psam = Psam.load(store)
        sam = opened(psam)
        seen.append(begin(sam).terminal_seq)
        store.cut, store.left = moment, 0
        with pytest.raises(PowerCut):
            begin(sam)
        store.cut = None
    assert seen == sorted(set(seen))
    assert len(seen) == 3


@pytest.mark.parametrize("version", [1, 2])
def test_one_module_serves_cards_of_both_key_versions(psam: Psam, version: int) -> None:
    spec = replace(card_spec(balance_fen=500), key_version=version)
    till = Till.over(MemoryTransport(issued_chip(spec)), MemoryTransport(psam))
    init, sequence, proof = till.pay(180)
    assert init.key_version == version
    dtk = KEYS.of(KeySlot.TAC, SERIAL8, version)
    assert proof.tac == purchase_tac(dtk, 180, PAID, TERMINAL, sequence, WHEN)


def test_a_card_of_a_version_the_module_does_not_hold_is_refused(psam: Psam) -> None:
    spec = replace(card_spec(balance_fen=500), key_version=3)
    till = Till.over(MemoryTransport(issued_chip(spec)), MemoryTransport(psam))
    with pytest.raises(ApduError) as caught:
        till.pay(180)
    assert caught.value.sw == Sw.KEY_INDEX_UNSUPPORTED
    assert till.purse.balance_fen() == 500


def test_mac2_of_the_card_is_accepted_once(psam: Psam) -> None:
    sam = opened(psam)
    mac2 = purchase_mac2(session_key(begin(sam)), 180)
    sam.credit(mac2)
    with pytest.raises(ApduError) as caught:
        sam.credit(mac2)
    assert caught.value.sw == Sw.NOT_IN_THIS_STATE


def fail(sam: SamSession, times: int) -> None:
    for _ in range(times):
        begin(sam)
        with pytest.raises(MacRejected):
            sam.credit(bytes(4))


def test_many_false_cards_in_a_row_lock_it_until_unblocked(psam: Psam) -> None:
    sam = opened(psam)
    fail(sam, MAC2_FAILURE_LIMIT)
    with pytest.raises(ApduError) as caught:
        begin(sam)
    assert caught.value.sw == Sw.PERMANENTLY_LOCKED
    transport = MemoryTransport(psam)
    challenge = transport.transmit(Command(0, 0x84, le=8).to_bytes())[0]
    key = KEYS.of(KeySlot.MAINTENANCE, None)
    assert transport.transmit(mac_command(key, bytes.fromhex("84180000"), b"", challenge)) == (b"", 0x9000)
    begin(opened(psam))


def test_a_good_card_clears_the_error_count(psam: Psam) -> None:
    sam = opened(psam)
    for _ in range(2):
        fail(sam, MAC2_FAILURE_LIMIT - 1)
        sam.credit(purchase_mac2(session_key(begin(sam)), 180))


def test_a_command_without_le_announces_its_answer(psam: Psam) -> None:
    sam = opened(psam)
    begin(sam)
    data = INIT.rand + bytes(14) + b"\x01\x00" + SERIAL8
    assert psam.transmit(Command(0x80, 0x70, data=data).to_bytes()) == bytes.fromhex("6108")
    assert psam.transmit(bytes.fromhex("00C0000004")) == bytes.fromhex("6C08")
    answer = psam.transmit(bytes.fromhex("00C0000008"))
    assert (len(answer), answer[-2:]) == (10, b"\x90\x00")
    assert psam.transmit(bytes.fromhex("00C0000008")) == bytes.fromhex("6985")


def test_outside_the_purse_directory_it_refuses(psam: Psam) -> None:
    with pytest.raises(ApduError) as caught:
        begin(SamSession(MemoryTransport(psam)))
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED


def test_a_blank_module_refuses() -> None:
    psam = blank_psam()
    psam.transmit(bytes.fromhex("00A4000002DF01"))
    with pytest.raises(ApduError) as caught:
        begin(SamSession(MemoryTransport(psam)))
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED


def test_the_purse_directory_is_found_by_name_as_well(psam: Psam) -> None:
    answer = psam.transmit(Command(0x00, 0xA4, 0x04, 0x00, bytes.fromhex("BDA8C9E8B2BF"), 0).to_bytes())
    assert answer[-2:] == b"\x90\x00"
    assert psam.transmit(bytes.fromhex("00B0970019"))[-2:] == b"\x90\x00"
