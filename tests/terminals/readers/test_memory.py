from __future__ import annotations

import pytest

from terminals.card.errors import CardRemoved, NoCard
from terminals.card.purse import PurseSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip


def test_an_empty_slot_says_so(chip: Chip) -> None:
    transport = MemoryTransport()
    with pytest.raises(NoCard):
        transport.transmit(bytes.fromhex("00B0850008"))
    transport.insert(chip)
    assert transport.transmit(bytes.fromhex("00B0850008")) == (b"CHIP0001", 0x9000)


def test_a_pulled_chip_is_said_until_another_is_put_in(chip: Chip) -> None:
    transport = MemoryTransport(chip)
    transport.remove()
    for use in (transport.reset, lambda: transport.transmit(bytes.fromhex("00B0850008"))):
        with pytest.raises(CardRemoved):
            use()
    transport.insert(chip)
    assert transport.transmit(bytes.fromhex("00B0850008")) == (b"CHIP0001", 0x9000)


def test_the_answer_of_a_chip_pulled_at_work_is_lost() -> None:
    class Pulled:
        def transmit(self, apdu: bytes) -> bytes:
            transport.remove()
            return b"\x90\x00"

        def reset(self) -> bytes:
            return b"\x3b"

    transport = MemoryTransport(Pulled())
    with pytest.raises(CardRemoved):
        transport.transmit(bytes.fromhex("00B0850008"))


def test_a_chip_put_in_starts_afresh(chip: Chip) -> None:
    transport = MemoryTransport(chip)
    PurseSession(transport).select()
    transport.remove()
    transport.insert(chip)
    assert transport.transmit(bytes.fromhex("00B0850008")) == (b"CHIP0001", 0x9000)
