"""The electronic identity of the simulated card, APDU by APDU."""

from __future__ import annotations

import pytest

from terminals.card import commands, eid
from terminals.card.eid import EidSession
from terminals.card.keys import KeySlot, mac_command
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.state import Phase
from tests.terminals.cards import KEYS, blank_chip, card_spec

SELECT = commands.select_name(eid.EID_AID).to_bytes()
SELECT_CERTIFICATE = eid.select_certificate().to_bytes()
AUTHENTICATE = eid.internal_authenticate(bytes(32)).to_bytes()


def sent(chip: Chip, *apdus: bytes | str) -> str:
    """The last status word of a sequence."""
    answer = b""
    for apdu in apdus:
        answer = chip.transmit(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)
    return answer[-2:].hex().upper()


def generate(chip: Chip) -> bytes:
    """GENERATE under the transport key; the answer is waiting."""
    apdu = KEYS.mac_command(
        chip_serial8=b"CHIP0001",
        header=eid.GENERATE_HEADER,
        data=eid.AUTHENTICATION_KEY,
        challenge=chip.transmit(commands.get_challenge().to_bytes())[:8],
    )
    return chip.transmit(apdu)


def test_the_application_answers_with_its_name(chip: Chip) -> None:
    answer = chip.transmit(SELECT)
    assert eid.EID_AID in answer
    assert answer.endswith(b"\x90\x00")


@pytest.mark.parametrize(
    ("apdus", "sw"),
    [
        pytest.param([AUTHENTICATE], "6A88", id="identity asked of the MF"),
        pytest.param([SELECT, "0088010020" + "00" * 32 + "40"], "6A86", id="wrong P1"),
        pytest.param([SELECT, "0088000008" + "00" * 8 + "40"], "6700", id="short challenge"),
        pytest.param([SELECT, AUTHENTICATE[:-1] + b"\x08"], "6C40", id="wrong Le"),
        pytest.param([SELECT, "0046800002A40000"], "6982", id="generate without MAC"),
        pytest.param([SELECT, "0046810002B60000"], "6A80", id="another key reference"),
        pytest.param([SELECT, "0046820002A40000"], "6A86", id="another P1"),
        pytest.param(["0046810002A40000"], "6985", id="public key outside the application"),
        pytest.param([SELECT, "00B0000004"], "6A86", id="no file selected"),
        pytest.param([SELECT, "00A4020C02C002"], "6A82", id="no such file"),
        pytest.param([SELECT_CERTIFICATE], "6A82", id="certificate outside the application"),
        pytest.param([SELECT, SELECT_CERTIFICATE, "00B0040001"], "6B00", id="behind the file"),
        pytest.param([SELECT, SELECT_CERTIFICATE, "00B003F020"], "6C10", id="over the end"),
        pytest.param([SELECT, SELECT_CERTIFICATE, "00D600000400000000"], "6982", id="written without MAC"),
        pytest.param([SELECT, SELECT_CERTIFICATE, SELECT, "00B0000004"], "6A86", id="file left by SELECT"),
    ],
)
def test_what_is_refused(chip: Chip, apdus: list[bytes | str], sw: str) -> None:
    before = chip.state
    assert sent(chip, *apdus) == sw
    assert chip.state == before


def test_a_blank_chip_has_no_identity_yet() -> None:
    chip = blank_chip()
    assert sent(chip, SELECT, eid.read_public_key().to_bytes()) == "6A88"
    assert sent(chip, SELECT, AUTHENTICATE) == "6A88"


def test_a_new_pair_takes_the_old_one_s_certificate_away() -> None:
    chip = blank_chip()
    sent(chip, SELECT)
    assert generate(chip)[-2:] == b"\x90\x00"
    first = EidSession(MemoryTransport(chip))
    first.select()
    key = first.public_key()
    chip.commit(identity_certificate=b"\x30\x82\x00\x04")
    assert generate(chip)[-2:] == b"\x90\x00"
    assert first.public_key() != key
    assert chip.state.identity_certificate == b""


def test_an_issued_card_keeps_its_pair(chip: Chip) -> None:
    before = chip.state
    sent(chip, SELECT)
    challenge = chip.transmit(commands.get_challenge().to_bytes())[:8]
    maintenance = KEYS.of(KeySlot.MAINTENANCE, card_spec().public_info.serial8)
    apdu = mac_command(maintenance, eid.GENERATE_HEADER, eid.AUTHENTICATION_KEY, challenge)
    assert sent(chip, apdu) == "6985"
    assert chip.state == before


def test_an_issued_card_can_get_a_new_certificate(chip: Chip) -> None:
    sent(chip, SELECT, SELECT_CERTIFICATE)
    challenge = chip.transmit(commands.get_challenge().to_bytes())[:8]
    maintenance = KEYS.of(KeySlot.MAINTENANCE, card_spec().public_info.serial8)
    assert sent(chip, mac_command(maintenance, bytes.fromhex("04D60000"), b"\x30\x82", challenge)) == "9000"


def test_a_certificate_may_end_in_zeros() -> None:
    """One in 256 signatures does."""
    chip, content = blank_chip(), b"\x30\x82\x01\x03" + bytes(255) + b"\x01\x00\x00"
    sent(chip, SELECT)
    generate(chip)
    sent(chip, SELECT_CERTIFICATE)
    for offset in (0, 131):
        apdu = KEYS.mac_command(
            chip_serial8=b"CHIP0001",
            header=bytes([0x04, 0xD6, 0, offset]),
            data=content[offset : offset + 131],
            challenge=chip.transmit(commands.get_challenge().to_bytes())[:8],
        )
        assert sent(chip, apdu) == "9000"
    assert chip.state.identity_certificate == content


@pytest.mark.parametrize("phase", [Phase.BLOCKED, Phase.LOCKED])
def test_a_blocked_card_proves_nothing(chip: Chip, phase: Phase) -> None:
    chip.commit(phase=phase)
    assert sent(chip, SELECT) == "6283"
    assert sent(chip, AUTHENTICATE) == "6985"


def test_the_private_key_is_in_no_answer(chip: Chip) -> None:
    secret = chip.state.identity_key
    answers = b""
    for apdu in (SELECT, eid.read_public_key().to_bytes(), SELECT_CERTIFICATE, AUTHENTICATE):
        answers += chip.transmit(apdu)
    for at in range(0, 1024, 128):
        answers += chip.transmit(eid.read_selected(at, 128).to_bytes())
    assert len(answers) > 1024
    assert secret not in answers
