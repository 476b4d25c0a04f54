"""Keys a SAM derives for one errand: TAC checks, MACs and ciphers for cards, the check of a card's message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from terminals.card import commands_sam
from terminals.card.apdu import ApduError, Command
from terminals.card.commands_sam import TAC_USAGE, CipherMode
from terminals.card.crypto import (
    TransactionType,
    diversify_levels,
    encrypt_ecb,
    pad80,
    purchase_tac,
    purchase_tac_input,
    retail_mac,
)
from terminals.card.keys import KeySlot
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.card.status import StatusWord as Sw
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.state import Phase
from tests.terminals.cards import KEYS, TERMINAL, WHEN, Till, card_spec, issued_chip, public_info

SERIAL8 = public_info().serial8
CITY, ISSUER = b"CITY____", b"ISSUER__"
CONTROL, PURCHASE = KeySlot.CONTROL & 0x0F, KeySlot.PURCHASE & 0x0F


@pytest.fixture
def sam(psam: Psam) -> SamSession:
    """A SAM that also holds the issuer's TAC and control masters, as one that checks cards does."""
    masters = {slot << 8 | 1: KEYS.master(slot, 1) for slot in (KeySlot.TAC, KeySlot.CONTROL)}
    psam.commit(keys=psam.state.keys | masters)
    session = SamSession(MemoryTransport(psam))
    session.open()
    return session


def refusal(caught: pytest.ExceptionInfo[ApduError]) -> int:
    return caught.value.sw


def test_a_sam_checks_the_tac_of_a_purchase(sam: SamSession, psam: Psam) -> None:
    till = Till(PurseSession(MemoryTransport(issued_chip(card_spec(balance_fen=500)))), sam)
    _, sequence, proof = till.pay(180)
    sam.delivery_key(TAC_USAGE, 1, [SERIAL8])
    signed = (180, TransactionType.PURCHASE, TERMINAL, sequence, WHEN)
    assert sam.mac(purchase_tac_input(*signed)) == proof.tac


@pytest.mark.parametrize("levels", [(SERIAL8,), (SERIAL8, ISSUER), (SERIAL8, ISSUER, CITY)])
def test_factors_come_serial_first_and_are_used_city_first(
    sam: SamSession, levels: tuple[bytes, ...]
) -> None:
    key = diversify_levels(KEYS.master(KeySlot.TAC, 1), *reversed(levels))
    sam.delivery_key(TAC_USAGE, 1, levels)
    signed = (180, TransactionType.PURCHASE, TERMINAL, 7, WHEN)
    assert sam.mac(purchase_tac_input(*signed)) == purchase_tac(key, *signed)


def test_the_usage_byte_of_the_published_case(psam: Psam, sam: SamSession) -> None:
    assert psam.transmit(bytes.fromhex("801A440110") + SERIAL8 + ISSUER) == bytes.fromhex("9000")


@pytest.mark.parametrize("size", [0, 1, 7, 8, 100, 239, 240, 500, 1000])
def test_long_data_goes_in_parts(sam: SamSession, size: int) -> None:
    data, key = bytes(index % 251 for index in range(size)), KEYS.of(KeySlot.CONTROL, SERIAL8)
    sam.delivery_key(CONTROL, 1, [SERIAL8])
    for initial_value in (bytes(8), b"\x01" * 8):
        assert sam.mac(data, initial_value) == retail_mac(key, data, initial_value)


def test_a_sam_enciphers_a_challenge(sam: SamSession) -> None:
    sam.delivery_key(CONTROL, 1, [SERIAL8])
    data = bytes(range(16))
    assert sam.encrypt(data) == encrypt_ecb(KEYS.of(KeySlot.CONTROL, SERIAL8), data)


def test_the_purchase_key_is_not_lent_for_ciphers(sam: SamSession) -> None:
    sam.delivery_key(PURCHASE, 1, [SERIAL8])
    for use in (sam.encrypt, sam.mac):
        with pytest.raises(ApduError) as caught:
            use(bytes(8))
        assert refusal(caught) == Sw.CONDITIONS_NOT_SATISFIED


@pytest.mark.parametrize("version", [1, 2])
def test_a_genuine_card_is_known_by_its_message(psam: Psam, version: int) -> None:
    chip = issued_chip(replace(card_spec(), key_version=version))
    sam, code = opened(psam), message_of(chip)
    sam.delivery_key(PURCHASE, code[0], [SERIAL8])
    sam.check_message(code)
    for false in (code[:-1] + bytes([code[-1] ^ 1]), bytes([3 - code[0]]) + code[1:]):
        with pytest.raises(ApduError) as caught:
            sam.check_message(false)
        assert refusal(caught) == Sw.PURSE_MAC_WRONG


def test_a_message_is_bound_to_its_card(psam: Psam) -> None:
    other = "3105883700000000009"
    sam, code = opened(psam), message_of(issued_chip(card_spec(other)))
    sam.delivery_key(PURCHASE, 1, [SERIAL8])
    with pytest.raises(ApduError):
        sam.check_message(code)
    sam.delivery_key(PURCHASE, 1, [public_info(other).serial8])
    sam.check_message(code)


def message_of(chip: Chip) -> bytes:
    purse = PurseSession(MemoryTransport(chip))
    purse.select()
    return purse.message()


def opened(psam: Psam) -> SamSession:
    sam = SamSession(MemoryTransport(psam))
    sam.open()
    return sam


def test_without_a_key_on_loan_there_is_nothing_to_work_with(psam: Psam, sam: SamSession) -> None:
    for use in (sam.encrypt, sam.mac):
        with pytest.raises(ApduError) as caught:
            use(bytes(8))
        assert refusal(caught) == Sw.CONDITIONS_NOT_SATISFIED
    with pytest.raises(ApduError) as caught:
        sam.check_message(bytes(9))
    assert refusal(caught) == Sw.CONDITIONS_NOT_SATISFIED
    sam.delivery_key(CONTROL, 1, [SERIAL8])
    sam.open()
    with pytest.raises(ApduError):
        sam.encrypt(bytes(8))


@pytest.mark.parametrize(
    ("usage", "version", "sw"), [(0x05, 1, 0x6A88), (TAC_USAGE, 9, 0x6A88), (KeySlot.LOAD & 0x0F, 1, 0x6A88)]
)
def test_a_key_that_is_not_there_is_said(sam: SamSession, usage: int, version: int, sw: int) -> None:
    with pytest.raises(ApduError) as caught:
        sam.delivery_key(usage, version, [SERIAL8])
    assert refusal(caught) == sw


@pytest.mark.parametrize("apdu", ["801A440108" + "00" * 8, "801A040108" + "00" * 8, "801A840120" + "00" * 32])
def test_levels_and_factors_must_agree(psam: Psam, sam: SamSession, apdu: str) -> None:
    assert psam.transmit(bytes.fromhex(apdu)) == bytes.fromhex("6700")


@pytest.mark.parametrize(
    ("mode", "data", "sw"),
    [
        (0x02, bytes(8), "6A86"),
        (0x00, bytes(7), "6700"),
        (0x05, bytes(8), "6700"),
        (0x03, bytes(8), "6985"),
        (0x01, bytes(8), "6985"),
    ],
)
def test_refusals_of_cipher_data(psam: Psam, sam: SamSession, mode: int, data: bytes, sw: str) -> None:
    sam.delivery_key(CONTROL, 1, [SERIAL8])
    assert psam.transmit(Command(0x80, 0xFA, mode, 0, data, 0).to_bytes()) == bytes.fromhex(sw)


def test_another_command_breaks_a_chain_of_parts(psam: Psam, sam: SamSession) -> None:
    sam.delivery_key(CONTROL, 1, [SERIAL8])
    first = commands_sam.cipher_data(CipherMode.MAC_FIRST, bytes(16), None).to_bytes()
    last = commands_sam.cipher_data(CipherMode.MAC_LAST, pad80(b""), 4).to_bytes()
    assert psam.transmit(first) == bytes.fromhex("9000")
    assert psam.transmit(last)[-2:] == bytes.fromhex("9000")
    psam.transmit(first)
    psam.transmit(bytes.fromhex("0084000008"))
    assert psam.transmit(last) == bytes.fromhex("6985")


def test_a_blocked_module_lends_nothing(psam: Psam, sam: SamSession) -> None:
    psam.commit(phase=Phase.BLOCKED, mac_failures=10)
    with pytest.raises(ApduError) as caught:
        sam.delivery_key(TAC_USAGE, 1, [SERIAL8])
    assert refusal(caught) == Sw.PERMANENTLY_LOCKED
    sam.application_unblock()
    sam.delivery_key(TAC_USAGE, 1, [SERIAL8])
