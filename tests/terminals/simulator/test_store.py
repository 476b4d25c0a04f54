from __future__ import annotations

import stat
from pathlib import Path

import pytest

from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from terminals.simulator.store import DirectoryStore
from tests.terminals.cards import (
    TRANSPORT_MASTER,
    Till,
    card_spec,
    issued_chip,
    issued_psam,
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


def test_an_empty_directory_holds_no_chip(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Chip.open(tmp_path)
