"""The demo's hardware: simulated chips on disk, put into PC/SC readers where there are any, else into this process."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from citizencard.embedded.pcscd import PcscUnavailable, running_pcscd
from terminals.card.crypto import diversify
from terminals.card.transport import Transport
from terminals.readers.memory import MemoryTransport
from terminals.readers.pcsc import PcscTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import MemoryStore
from terminals.simulator.vpcd import VpcdSlot

CARD_SLOT, SAM_SLOT = 0, 1


class Readers(Protocol):
    """Two reader slots: one for a card, one for a SAM."""

    name: str

    def card(self, chip: Chip) -> contextlib.AbstractContextManager[Transport]:
        """The card in its slot, for as long as the block lasts."""

    def sam(self, sam: Psam) -> contextlib.AbstractContextManager[Transport]:
        """The SAM in its slot, for as long as the block lasts."""


class MemoryReaders:
    """No reader at all: chips answer in this process."""

    name = "in-process card"

    def card(self, chip: Chip) -> contextlib.AbstractContextManager[Transport]:
        """As `Readers.card`."""
        return contextlib.nullcontext(MemoryTransport(chip))

    def sam(self, sam: Psam) -> contextlib.AbstractContextManager[Transport]:
        """As `Readers.sam`."""
        return contextlib.nullcontext(MemoryTransport(sam))


class PcscReaders:
    """pcscd with vpcd's two slots; the chips' APDUs go through the real PC/SC stack."""

    name = "PC/SC (pcscd, vpcd)"

    def __init__(self, card_slot: VpcdSlot, sam_slot: VpcdSlot) -> None:
        self._slots = (card_slot, sam_slot)

    def card(self, chip: Chip) -> contextlib.AbstractContextManager[Transport]:
        """As `Readers.card`."""
        return self._inserted(CARD_SLOT, chip)

    def sam(self, sam: Psam) -> contextlib.AbstractContextManager[Transport]:
        """As `Readers.sam`."""
        return self._inserted(SAM_SLOT, sam)

    @contextlib.contextmanager
    def _inserted(self, slot: int, chip: Chip | Psam) -> Iterator[Transport]:
        """The chip stays until the next one takes its place: pulling and inserting cost pcscd most of a second."""
        self._slots[slot].swap(chip)
        with contextlib.closing(PcscTransport(f"Virtual PCD 00 0{slot}", wait_seconds=5)) as transport:
            yield transport


@contextlib.contextmanager
def best_readers() -> Iterator[tuple[Readers, str]]:
    """PC/SC readers where pcscd and vpcd run or can be run, else the in-process card; with the reason for people."""
    with contextlib.ExitStack() as running:
        try:
            running.enter_context(running_pcscd())
        except PcscUnavailable as missing:
            yield MemoryReaders(), missing.reason
            return
        slots = [running.enter_context(VpcdSlot(slot)) for slot in (CARD_SLOT, SAM_SLOT)]
        yield PcscReaders(*slots), ""


class ChipFactory:
    """The maker of blank chips: every chip leaves it with its serial and its own transport key.

    It plays the chip manufacturer, who shares the transport master with the issuer; in the demo that is a demo key.
    """

    def __init__(self, keys_file: Path, shelf: Path) -> None:
        self._transport_master = _transport_master(keys_file)
        self._shelf = shelf

    def blank_card(self, name: str) -> Chip:
        """A new blank card kept under `name`."""
        serial = self._serial(name)
        return Chip.create(self._place(name), chip_serial8=serial, transport_key16=self._key(serial))

    def blank_sam(self, name: str) -> Psam:
        """A new blank SAM kept under `name`."""
        serial = self._serial(name)
        return Psam.create(self._place(name), chip_serial8=serial, transport_key16=self._key(serial))

    def card(self, name: str) -> Chip:
        """The card kept under `name`."""
        return Chip.open(self._place(name))

    def sam(self, name: str) -> Psam:
        """The SAM kept under `name`."""
        return Psam.open(self._place(name))

    def has(self, name: str) -> bool:
        """Whether a chip is kept under `name`."""
        return (self._place(name) / "chip.json").exists()

    def _place(self, name: str) -> Path:
        return self._shelf / name

    def _serial(self, name: str) -> bytes:
        """Eight bytes from the name: a real serial comes from the wafer."""
        return hashlib.sha256(name.encode()).digest()[:8]

    def _key(self, chip_serial8: bytes) -> bytes:
        return diversify(self._transport_master, chip_serial8)


class MemoryShelf(ChipFactory):
    """Cards and SAMs that live as long as the object: for terminals that nobody meets again afterwards."""

    def __init__(self, keys_file: Path, shelf: Path) -> None:
        super().__init__(keys_file, shelf)
        self._stores: dict[str, MemoryStore] = {}

    def store(self, name: str) -> MemoryStore:
        """The memory of the chip kept under `name`."""
        return self._stores[name]

    def blank_card(self, name: str) -> Chip:
        """As `ChipFactory.blank_card`."""
        serial, store = self._serial(name), self._stores.setdefault(name, MemoryStore())
        return Chip.blank(store, chip_serial8=serial, transport_key16=self._key(serial))

    def blank_sam(self, name: str) -> Psam:
        """As `ChipFactory.blank_sam`."""
        serial, store = self._serial(name), self._stores.setdefault(name, MemoryStore())
        return Psam.blank(store, chip_serial8=serial, transport_key16=self._key(serial))

    def card(self, name: str) -> Chip:
        """As `ChipFactory.card`."""
        return Chip.load(self._stores[name])

    def sam(self, name: str) -> Psam:
        """As `ChipFactory.sam`."""
        return Psam.load(self._stores[name])

    def has(self, name: str) -> bool:
        """As `ChipFactory.has`."""
        return name in self._stores


def _transport_master(keys_file: Path) -> bytes:
    keys = json.loads(keys_file.read_text("utf-8"))["keys"]
    master = next(key for key in keys if key["usage"] == "TRANSPORT" and key["version"] == 1)
    return bytes.fromhex(master["value"])
