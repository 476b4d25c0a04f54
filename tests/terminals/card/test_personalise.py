from __future__ import annotations

from dataclasses import replace

import pytest

from terminals.card.apdu import ApduError, MacRejected
from terminals.card.errors import CardRemoved, FormatError, PersonalisationError
from terminals.card.keys import KeySlot
from terminals.card.personalise import chip_serial, personalise, personalise_sam
from terminals.card.purse import PurseSession
from terminals.card.sam import SamSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.state import Phase
from terminals.simulator.store import MemoryStore
from tests.terminals.cards import (
    CARD_NUMBER,
    KEYS,
    PIN,
    SampleKeyWriter,
    blank_chip,
    blank_psam,
    card_spec,
    issued_chip,
    public_info,
    sam_spec,
)


def test_the_card_becomes_what_was_ordered() -> None:
    chip = blank_chip()
    transport = MemoryTransport(chip)
    spec = card_spec(balance_fen=500, overdraft_limit_fen=500, offline_atc=7)
    assert personalise(transport, spec, KEYS) == b"CHIP0001"
    purse = PurseSession(transport)
    assert purse.select().public_info == purse.public_info() == spec.public_info
    assert purse.profile.card_number(purse.public_info()) == CARD_NUMBER
    assert purse.management_info() == spec.management
    assert purse.balance_fen() == 500
    purse.verify_pin(PIN)
    assert purse.holder() == spec.holder
    assert purse.init_purchase(0, bytes(6)).offline_atc == 7
    assert chip.state.phase is Phase.ACTIVE


def test_every_key_on_the_card_is_the_card_s_own() -> None:
    keys = issued_chip().state.keys
    serial8 = public_info().serial8
    assert keys == {slot << 8 | 1: KEYS.of(slot, serial8) for slot in KeySlot}


def test_the_sam_holds_the_master_of_each_version() -> None:
    psam = blank_psam()
    assert personalise_sam(MemoryTransport(psam), sam_spec(), KEYS) == b"PSAM0001"
    masters = {KeySlot.PURCHASE << 8 | version: KEYS.master(KeySlot.PURCHASE, version) for version in (1, 2)}
    assert masters.items() <= psam.state.keys.items()
    assert SamSession(MemoryTransport(psam)).open().terminal_no == sam_spec().terminal.terminal_no


def test_a_card_is_personalised_once(chip: Chip) -> None:
    with pytest.raises(MacRejected):
        personalise(MemoryTransport(chip), card_spec(), KEYS)


def test_a_sam_is_personalised_once(psam: Psam) -> None:
    with pytest.raises(MacRejected):
        personalise_sam(MemoryTransport(psam), sam_spec(), KEYS)


def test_a_chip_of_another_maker_refuses() -> None:
    stranger = Chip.blank(MemoryStore(), chip_serial8=b"STRANGER", transport_key16=bytes(16))
    with pytest.raises(MacRejected):
        personalise(MemoryTransport(stranger), card_spec(), KEYS)


def test_the_chip_serial_is_free_to_read_before_and_after(chip: Chip) -> None:
    assert chip_serial(MemoryTransport(blank_chip(serial=b"CHIP0042"))) == b"CHIP0042"
    assert chip_serial(MemoryTransport(chip)) == b"CHIP0001"


class Torn(MemoryTransport):
    """Pulls the card at the n-th command."""

    def __init__(self, chip: Chip, at: int) -> None:
        super().__init__(chip)
        self.left = at

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if self.left == 0:
            raise CardRemoved("torn")
        self.left -= 1
        return super().transmit(apdu)


def test_a_script_broken_off_anywhere_can_be_run_again() -> None:
    broken_off = 0
    for at in range(100):
        chip = blank_chip()
        try:
            personalise(Torn(chip, at), card_spec(), KEYS)
            break
        except CardRemoved:
            broken_off += 1
        assert chip.state.phase is Phase.BLANK
        personalise(MemoryTransport(chip), card_spec(), KEYS)
        assert chip.state == issued_chip().state
    assert 20 < broken_off < 99


def test_a_chip_that_forgets_is_found_out() -> None:
    class Forgetful(MemoryTransport):
        def transmit(self, apdu: bytes) -> tuple[bytes, int]:
            data, sw = super().transmit(apdu)
            return (bytes(len(data)), sw) if apdu[:3] == b"\x00\xb0\x96" else (data, sw)

    with pytest.raises(PersonalisationError, match="EF16"):
        personalise(Forgetful(blank_chip()), card_spec(), KEYS)


def test_an_incomplete_card_is_not_activated() -> None:
    class LazyWriter(SampleKeyWriter):
        def write_key_command(
            self,
            *,
            chip_serial8: bytes,
            slot: KeySlot,
            version: int,
            card_serial8: bytes | None,
            challenge: bytes,
        ) -> bytes:
            return super().write_key_command(
                chip_serial8=chip_serial8,
                slot=KeySlot.TAC,
                version=version,
                card_serial8=card_serial8,
                challenge=challenge,
            )

    chip = blank_chip()
    with pytest.raises(ApduError, match="ACTIVATE FILE"):
        personalise(MemoryTransport(chip), card_spec(), LazyWriter())
    assert chip.state.phase is Phase.BLANK


def test_a_false_pin_is_refused_before_activation() -> None:
    chip = blank_chip()
    with pytest.raises(FormatError, match="PIN"):
        personalise(MemoryTransport(chip), replace(card_spec(), pin="12"), KEYS)
    assert chip.state.phase is Phase.BLANK


def test_a_specification_never_shows_the_pin() -> None:
    assert PIN not in repr(card_spec())
