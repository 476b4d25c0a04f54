from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from terminals.card.keys import KeySlot
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import Content, DirectoryStore, MemoryStore
from tests.terminals.cards import (
    TRANSPORT_MASTER,
    Till,
    card_spec,
    issued_chip,
    issued_psam,
)

FIRST_SAM_VERSION = ("chip_serial", "transport_key", "phase", "files", "keys", "mac_failures", "terminal_seq")
FIRST_VERSION = (
    *FIRST_SAM_VERSION[:-1],
    *("profile", "pin", "pin_tries", "pin_limit", "balance_fen", "overdraft_limit_fen", "online_atc"),
    *("offline_atc", "log", "trips", "proof"),
)


def test_a_card_lives_on_in_its_directory(tmp_path: Path) -> None:
    chip = issued_chip(card_spec(balance_fen=1000), DirectoryStore(tmp_path / "card"))
    psam = issued_psam(DirectoryStore(tmp_path / "sam"))
    Till.over(MemoryTransport(chip), MemoryTransport(psam)).pay(300)
    again, sam = Chip.open(tmp_path / "card"), Psam.open(tmp_path / "sam")
    assert again.state == chip.state
    assert sam.state == psam.state
    _, sequence, _ = Till.over(MemoryTransport(again), MemoryTransport(sam)).pay(300)
    assert sequence == 2
    assert Chip.open(tmp_path / "card").state.balance_fen == 400


def test_the_image_is_for_its_owner_only(tmp_path: Path) -> None:
    Chip.create(tmp_path / "card", chip_serial8=b"CHIP0001", transport_key16=TRANSPORT_MASTER)
    assert stat.S_IMODE((tmp_path / "card").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "card" / "chip.json").stat().st_mode) == 0o600


def test_blank_chips_start_in_their_directories(tmp_path: Path) -> None:
    Psam.create(tmp_path, chip_serial8=b"PSAM0001", transport_key16=TRANSPORT_MASTER)
    assert Psam.open(tmp_path).state.chip_serial == b"PSAM0001"


def test_an_image_of_an_earlier_version_opens_and_pays(tmp_path: Path, psam: Psam) -> None:
    """Written before there were a deposit, record files and an identity; the chip's keys are none of those yet."""
    issued_chip(card_spec(balance_fen=1000), DirectoryStore(tmp_path))
    image = tmp_path / "chip.json"
    content = json.loads(image.read_text())
    first = {place: content[place] for place in FIRST_VERSION}
    first["keys"] = {
        place: key
        for place, key in content["keys"].items()
        if int(place) >> 8 not in (KeySlot.CONTROL, KeySlot.IDENTITY)
    }
    image.write_text(json.dumps(first))
    chip = Chip.open(tmp_path)
    till = Till.over(MemoryTransport(chip), MemoryTransport(psam))
    till.load(500)
    till.pay(300)
    assert Chip.open(tmp_path).state.balance_fen == 1200
    assert chip.transmit(bytes.fromhex("0088000008") + b"\x01" * 8) == bytes.fromhex("6A88")


def test_a_sam_of_an_earlier_version_opens_and_counts_on(tmp_path: Path) -> None:
    issued_psam(DirectoryStore(tmp_path)).commit(terminal_seq=41)
    image = tmp_path / "chip.json"
    content = json.loads(image.read_text())
    image.write_text(json.dumps({place: content[place] for place in FIRST_SAM_VERSION}))
    assert Psam.open(tmp_path).state.terminal_seq == 41


class CountingStore(MemoryStore):
    """Counts how often the EEPROM is written."""

    writes = 0

    def save(self, content: Content) -> None:
        self.writes += 1
        super().save(content)


def test_the_eeprom_is_written_no_more_than_needed(psam: Psam) -> None:
    store = CountingStore()
    chip = issued_chip(card_spec(balance_fen=1000), store)
    till = Till.over(MemoryTransport(chip), MemoryTransport(psam))
    counts = []
    for step in (
        lambda: till.pay(1),  # one write: purse, log, counter and proof together
        lambda: till.load(1),  # and two more for the PIN: the try off, the tries restored
        lambda: (till.purse.select(), till.purse.log(), till.purse.init_purchase(5, bytes(6))),
        lambda: chip.transmit(bytes.fromhex("805401000F") + bytes(15)),  # a wrong MAC1
    ):
        before = store.writes
        step()
        counts.append(store.writes - before)
    assert counts == [1, 3, 0, 0]


def test_an_empty_directory_holds_no_chip(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Chip.open(tmp_path)
