"""Card and issuer prove themselves to each other; a SAM knows a genuine card before it pays."""

from __future__ import annotations

import pytest

from terminals.card import commands
from terminals.card.apdu import ApduError, Command
from terminals.card.commands import AuthenticateMode
from terminals.card.crypto import decrypt_ecb, encrypt_ecb, retail_mac
from terminals.card.keys import KeySlot
from terminals.card.maintenance import MaintenanceSession
from terminals.card.purse import PurseSession
from terminals.card.status import StatusWord as Sw
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.store import MemoryStore
from tests.terminals.cards import KEYS, blank_chip, issued_chip, public_info

SERIAL8 = public_info().serial8
CONTROL = KEYS.of(KeySlot.CONTROL, SERIAL8)
IDENTITY = KEYS.of(KeySlot.IDENTITY, SERIAL8)
CHALLENGE = bytes.fromhex("0123456789ABCDEF")


def answer(chip: Chip, command: Command) -> str:
    return chip.transmit(command.to_bytes()).hex().upper()


def challenge(chip: Chip, length: int = 8) -> bytes:
    return chip.transmit(commands.get_challenge(length).to_bytes())[:-2]


def external(chip: Chip, cryptogram: bytes, key_id: int = 0) -> str:
    return answer(chip, commands.external_authenticate(key_id, cryptogram))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (AuthenticateMode.ENCRYPT, encrypt_ecb(IDENTITY, CHALLENGE)),
        (AuthenticateMode.DECRYPT, decrypt_ecb(IDENTITY, CHALLENGE)),
        (AuthenticateMode.MAC, retail_mac(IDENTITY, CHALLENGE, length=8)),
    ],
)
@pytest.mark.parametrize("key_id", [0, 1])
def test_the_card_answers_a_challenge_in_three_ways(
    purse: PurseSession, mode: int, key_id: int, expected: bytes
) -> None:
    assert purse.internal_authenticate(mode, key_id, CHALLENGE) == expected


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("0088030008" + "01" * 8 + "08", "6A86"),
        ("0088000208" + "01" * 8 + "08", "6A88"),
        ("0088000007" + "01" * 7 + "08", "6700"),
        ("0088000008" + "01" * 8 + "07", "6C08"),
    ],
)
def test_refusals_of_internal_authenticate(chip: Chip, purse: PurseSession, apdu: str, sw: str) -> None:
    assert chip.transmit(bytes.fromhex(apdu)) == bytes.fromhex(sw)


def test_a_blocked_card_vouches_for_nobody(chip: Chip, purse: PurseSession) -> None:
    issuer = MaintenanceSession(MemoryTransport(chip), KEYS, serial8=SERIAL8)
    purse.select()
    issuer.application_block()
    with pytest.raises(ApduError) as caught:
        purse.internal_authenticate(AuthenticateMode.ENCRYPT, 0, CHALLENGE)
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED


def test_no_card_answers_the_challenge_of_a_card_for_the_issuer(purse: PurseSession, chip: Chip) -> None:
    other = issued_chip()
    session = PurseSession(MemoryTransport(other))
    session.select()
    cryptogram = session.internal_authenticate(AuthenticateMode.ENCRYPT, 0, challenge(chip))
    assert external(chip, cryptogram) == "63C2"


@pytest.mark.parametrize("length", [4, 8])
def test_the_issuer_proves_itself(chip: Chip, purse: PurseSession, length: int) -> None:
    assert external(chip, encrypt_ecb(CONTROL, challenge(chip, length).ljust(8, b"\x00"))) == "9000"
    assert answer(chip, commands.update_binary(0x16, b"\x01")) == "9000"
    assert answer(chip, commands.update_binary(0x15, b"\x01")) == "6985"
    purse.select()
    assert answer(chip, commands.update_binary(0x16, b"\x01")) == "6982"


def test_the_library_proves_itself_to_the_card(chip: Chip, purse: PurseSession) -> None:
    issuer = MaintenanceSession(MemoryTransport(chip), KEYS, serial8=SERIAL8)
    purse.select()
    issuer.external_authenticate(0)
    assert chip.authenticated


def test_three_wrong_answers_lock_the_control_key_for_good(purse: PurseSession, chip: Chip) -> None:
    seen = []
    for _ in range(4):
        challenge(chip)
        seen.append(external(chip, bytes(8)))
    assert seen == ["63C2", "63C1", "6983", "6983"]
    chip.reset()
    purse.select()
    assert external(chip, encrypt_ecb(CONTROL, challenge(chip))) == "6983"


def test_a_right_answer_restores_the_tries_and_a_wrong_one_takes_the_right_back(
    purse: PurseSession, chip: Chip
) -> None:
    for _ in range(2):
        challenge(chip)
        assert external(chip, bytes(8)) == "63C2"
        assert external(chip, encrypt_ecb(CONTROL, challenge(chip))) == "9000"
    challenge(chip)
    external(chip, bytes(8))
    assert answer(chip, commands.update_binary(0x16, b"\x01")) == "6982"


def test_a_try_is_spent_even_when_the_power_goes() -> None:
    store = MemoryStore()
    chip = issued_chip(store=store)
    PurseSession(MemoryTransport(chip)).select()
    challenge(chip)
    external(chip, bytes(8))
    again = Chip.load(store)
    PurseSession(MemoryTransport(again)).select()
    challenge(again)
    assert external(again, bytes(8)) == "63C1"


def test_without_challenge_key_or_directory_there_is_nothing_to_prove(
    chip: Chip, purse: PurseSession
) -> None:
    assert external(chip, bytes(8)) == "6985"
    challenge(chip)
    assert external(chip, bytes(7)) == "6700"
    challenge(chip)
    assert external(chip, bytes(8), key_id=2) == "6A88"
    blank = blank_chip()
    PurseSession(MemoryTransport(blank)).select()
    challenge(blank)
    assert external(blank, bytes(8)) == "6A88"
    chip.reset()
    challenge(chip)
    assert external(chip, bytes(8)) == "6A88"


def test_a_card_tells_its_authentication_code(chip: Chip, purse: PurseSession) -> None:
    code = purse.message()
    assert code == b"\x01" + retail_mac(KEYS.of(KeySlot.PURCHASE, SERIAL8), SERIAL8, length=8)
    assert chip.transmit(bytes.fromhex("80CA000109")) == bytes.fromhex("6A86")
    chip.reset()
    assert chip.transmit(bytes.fromhex("80CA000009")) == bytes.fromhex("6985")
