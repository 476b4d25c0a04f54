"""The whole way in the field's own parts: server, hub, agent, PC/SC, reader, chip."""

from __future__ import annotations

import threading
import time

import pytest

from citizencard.bridge.transport import workstation_state
from terminals.bridge.sources import PcscSource
from terminals.card.describe import describe_card
from terminals.card.errors import CardRemoved
from terminals.card.personalise import personalise
from terminals.readers.errors import AmbiguousReader
from terminals.simulator.chip import Chip
from terminals.simulator.vpcd import VpcdSlot
from tests.citizencard.bridge.house import House, wait_for
from tests.terminals.cards import CARD_NUMBER, KEYS, blank_chip, card_spec
from tests.terminals.readers.conftest import pcscd

__all__ = ["pcscd"]

pytestmark = pytest.mark.pcsc
SLOT = "Virtual PCD 00 00"


class Shy:
    """A chip that is pulled while it works on a command."""

    def __init__(self, chip: Chip, slot: VpcdSlot) -> None:
        self.ATR, self._chip, self._slot = chip.ATR, chip, slot

    def transmit(self, apdu: bytes) -> bytes:
        threading.Thread(target=self._slot.remove).start()
        time.sleep(0.2)
        return self._chip.transmit(apdu)

    def reset(self) -> bytes:
        return self._chip.reset()


def test_a_card_is_made_pulled_and_read_through_a_real_reader(house: House, pcscd: None) -> None:
    chip = blank_chip()
    with VpcdSlot(0) as slot:
        desk = house.staffed(PcscSource())
        slot.insert(chip)

        def seen() -> dict[str, bytes | None]:
            state = workstation_state(desk.pk)
            return {each.name: each.atr for each in state.readers} if state else {}

        wait_for(lambda: seen().get(SLOT) == chip.ATR)
        with pytest.raises(AmbiguousReader, match="Virtual PCD 00 01"):
            desk.use(reader="Virtual PCD")
        with desk.use(reader=SLOT, wait_seconds=10) as transport:
            personalise(transport, card_spec(), KEYS)
        slot.insert(Shy(chip, slot))
        with desk.use(reader=SLOT, wait_seconds=10) as transport, pytest.raises(CardRemoved):
            transport.transmit(bytes.fromhex("00B0850008"))
        wait_for(lambda: seen()[SLOT] is None)
        slot.insert(chip)
        with desk.use(reader=SLOT, wait_seconds=10) as transport:
            assert describe_card(transport)["card_number"] == CARD_NUMBER
