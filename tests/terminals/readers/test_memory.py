from __future__ import annotations

import pytest

from terminals.card.errors import NoCard
from terminals.card.purse import PurseSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip


def test_an_empty_slot_says_so(chip: Chip) -> None:
    transport = MemoryTransport()
    with pytest.raises(NoCard):
        transport.transmit(bytes.fromhex("00B0850008"))
    transport.insert(chip)
    assert transport.transmit(bytes.fromhex("00B0850008")) == (b"CHIP0001", 0x9000)
    transport.remove()
    with pytest.raises(NoCard):
        transport.reset()


def test_a_chip_put_in_starts_afresh(chip: Chip) -> None:
    transport = MemoryTransport(chip)
    PurseSession(transport).select()
    transport.remove()
    transport.insert(chip)
    assert transport.transmit(bytes.fromhex("00B0850008")) == (b"CHIP0001", 0x9000)
