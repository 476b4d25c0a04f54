from __future__ import annotations

import pytest

from terminals.card.apdu import ApduError, ApplicationBlocked, Command, MacRejected, error_for
from terminals.card.files import EF16, HolderInfo
from terminals.card.keys import KeySlot, mac_command
from terminals.card.purse import PurseSession
from terminals.card.status import StatusWord as Sw
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from tests.terminals.cards import KEYS, PIN, TERMINAL, blank_chip, public_info

SERIAL8 = public_info().serial8
BLOCK, BLOCK_FOR_GOOD, UNBLOCK, CARD_BLOCK = "841E0000", "841E0001", "84180000", "84160000"


def maintain(chip: Chip, header: str, data: bytes = b"", key: bytes | None = None) -> None:
    challenge = chip.transmit(bytes.fromhex("0084000008"))[:-2]
    key = key or KEYS.of(KeySlot.MAINTENANCE, SERIAL8)
    apdu = mac_command(key, bytes.fromhex(header), data, challenge)
    sw = int.from_bytes(chip.transmit(apdu)[-2:])
    if sw != Sw.OK:
        raise error_for(Command.parse(apdu), sw)


def test_a_blocked_application_shows_itself_but_takes_no_transaction(chip: Chip, purse: PurseSession) -> None:
    maintain(chip, BLOCK)
    with pytest.raises(ApplicationBlocked):
        purse.select()
    assert purse.balance_fen() == 0
    with pytest.raises(ApduError) as caught:
        purse.init_purchase(0, TERMINAL)
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED
    maintain(chip, UNBLOCK)
    purse.select()
    purse.init_purchase(0, TERMINAL)


def test_a_block_survives_a_reset(chip: Chip, purse: PurseSession) -> None:
    maintain(chip, BLOCK)
    chip.reset()
    with pytest.raises(ApplicationBlocked):
        purse.select()


def test_a_block_for_good_is_for_good(chip: Chip, purse: PurseSession) -> None:
    maintain(chip, BLOCK_FOR_GOOD)
    for header in (UNBLOCK, BLOCK):
        with pytest.raises(ApduError) as caught:
            maintain(chip, header)
        assert caught.value.sw == Sw.PERMANENTLY_LOCKED
    with pytest.raises(ApduError) as caught:
        purse.init_purchase(0, TERMINAL)
    assert caught.value.sw == Sw.PERMANENTLY_LOCKED


def test_a_blocked_card_answers_nothing(chip: Chip) -> None:
    maintain(chip, CARD_BLOCK)
    chip.reset()
    assert chip.transmit(bytes.fromhex("00A40000023F00")) == bytes.fromhex("6A81")


def test_three_false_unblocks_lock_for_good(chip: Chip, purse: PurseSession) -> None:
    maintain(chip, BLOCK)
    seen = []
    for _ in range(3):
        with pytest.raises(ApduError) as caught:
            maintain(chip, UNBLOCK, key=bytes(16))
        seen.append(caught.value.sw)
    assert seen == [Sw.MAC_WRONG, Sw.MAC_WRONG, Sw.PERMANENTLY_LOCKED]
    with pytest.raises(ApduError) as caught:
        maintain(chip, UNBLOCK)
    assert caught.value.sw == Sw.PERMANENTLY_LOCKED


def test_a_challenge_is_good_for_the_next_command_only(chip: Chip, purse: PurseSession) -> None:
    challenge = chip.transmit(bytes.fromhex("0084000008"))[:-2]
    apdu = mac_command(KEYS.of(KeySlot.MAINTENANCE, SERIAL8), bytes.fromhex(BLOCK), b"", challenge)
    chip.transmit(bytes.fromhex("805C000204"))
    assert chip.transmit(apdu) == bytes.fromhex("6985")
    assert chip.transmit(apdu) == bytes.fromhex("6985")
    purse.select()


def test_a_command_without_mac_is_refused(chip: Chip) -> None:
    chip.transmit(bytes.fromhex("0084000008"))
    assert chip.transmit(bytes.fromhex(BLOCK)) == bytes.fromhex("6987")


def test_four_byte_challenges_work_as_well(chip: Chip, purse: PurseSession) -> None:
    challenge = chip.transmit(bytes.fromhex("0084000004"))[:-2]
    apdu = mac_command(KEYS.of(KeySlot.MAINTENANCE, SERIAL8), bytes.fromhex(BLOCK), b"", challenge)
    assert chip.transmit(apdu) == bytes.fromhex("9000")


def test_holder_data_is_maintained_and_the_number_is_not(chip: Chip, purse: PurseSession) -> None:
    maintain(chip, f"04D6{0x80 | EF16:02X}00", HolderInfo(1, 0, "王晓明").to_bytes())
    purse.verify_pin(PIN)
    assert purse.holder().name == "王晓明"
    for sfi in (0x15, 0x02):
        with pytest.raises(ApduError) as caught:
            maintain(chip, f"04D6{0x80 | sfi:02X}00", bytes(4))
        assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED


def test_the_transport_key_opens_nothing_after_activation(chip: Chip, purse: PurseSession) -> None:
    assert chip.state.transport_key == b""
    with pytest.raises(ApduError) as caught:
        maintain(chip, "84D4013F", bytes(24))
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED
    with pytest.raises(MacRejected):
        maintain(chip, "84440000", key=bytes(16))


def test_a_blank_card_takes_no_transaction_and_no_lock() -> None:
    chip = blank_chip()
    purse = PurseSession(MemoryTransport(chip))
    assert purse.select().public_info is None
    with pytest.raises(ApduError) as caught:
        purse.init_purchase(0, TERMINAL)
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED
    with pytest.raises(ApduError) as caught:
        maintain(chip, UNBLOCK, key=chip.state.transport_key)
    assert caught.value.sw == Sw.CONDITIONS_NOT_SATISFIED
