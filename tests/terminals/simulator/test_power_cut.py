"""The power fails while a chip writes its EEPROM: at every byte, and between all that a disk may do by itself."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from terminals.simulator import store
from terminals.simulator.chip import Chip
from terminals.simulator.store import DirectoryStore
from tests.terminals.cards import card_spec, issued_chip

OLD, NEW = 10_000, 9_750
NAME = "chip.json"
NAMES = ("open", "write", "fsync", "close", "replace")
"""The calls a save makes, in their order; the directory is then opened, synced and closed."""
CALLS = 8


class PowerCut(OSError):
    pass


@pytest.fixture
def chip(tmp_path: Path) -> Chip:
    return issued_chip(card_spec(balance_fen=OLD), DirectoryStore(tmp_path))


def powered(monkeypatch: pytest.MonkeyPatch, **calls: Callable[..., Any]) -> None:
    """Let the store's calls of the operating system be these."""
    monkeypatch.setattr(store, "os", SimpleNamespace(**vars(os) | calls))


def test_a_cut_at_every_byte_leaves_the_old_image(
    chip: Chip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, str], None]
) -> None:
    size = (tmp_path / NAME).stat().st_size
    ends = iter(range(size + 1))
    real_write = os.write

    def write(descriptor: int, data: bytes) -> int:
        real_write(descriptor, data[: next(ends)])
        raise PowerCut

    powered(monkeypatch, write=write)
    for _ in range(size + 1):
        with pytest.raises(PowerCut):
            chip.commit(balance_fen=NEW)
        assert Chip.open(tmp_path).state.balance_fen == OLD
    assert not list(ends)
    record_property("counted", f"power cut at each of {size + 1} places of one write")


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_cut_around_every_call_leaves_old_or_new(
    chip: Chip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    found = []
    for turn in range(CALLS):
        chip.commit(balance_fen=OLD)
        with monkeypatch.context() as patched:
            turns = itertools.count()
            powered(patched, **{name: cut_at(getattr(os, name), turns, turn, done) for name in NAMES})
            with pytest.raises(PowerCut):
                chip.commit(balance_fen=NEW)
        found.append(Chip.open(tmp_path).state.balance_fen)
        chip.reset()
        assert chip.state.balance_fen == found[-1]
    renamed = NAMES.index("replace") + (0 if done else 1)
    assert found == [OLD] * renamed + [NEW] * (CALLS - renamed)


def cut_at(real: Callable[..., Any], turns: Iterator[int], turn: int, done: bool) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        if next(turns) != turn:
            return real(*arguments)
        if done:
            real(*arguments)
        raise PowerCut

    return call


@dataclass
class File:
    """A file's data: what the program wrote, and what is known to be on the platter."""

    data: bytes = b""
    synced: bool = False

    def survivors(self) -> Iterator[bytes]:
        """What may be read after a power cut: unsynced data can be there up to any byte."""
        if self.synced:
            yield self.data
        else:
            yield from (self.data[:end] for end in range(len(self.data) + 1))


@dataclass
class Disk:
    """A disk that keeps what it was told to sync, and of the rest whatever it likes: renames and data in any order."""

    names: dict[str, File]
    on_platter: list[dict[str, File]] = field(default_factory=list)
    """Directories that may be found after a cut; the last is what the program sees."""
    open_files: dict[int, File | None] = field(default_factory=dict)
    seen: list[set[bytes]] = field(default_factory=list)
    """After each call, every content the chip's file may have."""

    def __post_init__(self) -> None:
        self.on_platter = [self.names]

    def open(self, path: Path, flags: int, mode: int = 0) -> int:
        descriptor = 1000 + len(self.open_files)
        if flags & os.O_CREAT:
            self.names = self.names | {path.name: File()}
            self.on_platter.append(self.names)
            self.open_files[descriptor] = self.names[path.name]
        else:
            self.open_files[descriptor] = None
        self._look()
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        file = self.open_files[descriptor]
        assert file is not None
        part = bytes(data[:1000])  # a kernel may take less than it was given
        file.data, file.synced = file.data + part, False
        self._look()
        return len(part)

    def fsync(self, descriptor: int) -> None:
        file = self.open_files[descriptor]
        if file is None:
            self.on_platter = [self.names]
        else:
            file.synced = True
        self._look()

    def replace(self, source: Path, target: Path) -> None:
        names = dict(self.names)
        names[target.name] = names.pop(source.name)
        self.names = names
        self.on_platter.append(names)
        self._look()

    def close(self, descriptor: int) -> None:
        self._look()

    def _look(self) -> None:
        self.seen.append({data for names in self.on_platter for data in names[NAME].survivors()})


def test_whatever_the_disk_did_by_itself_the_image_is_old_or_new(
    chip: Chip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / NAME).read_bytes()
    disk = Disk({NAME: File(before, synced=True)})
    with monkeypatch.context() as patched:
        powered(patched, **{name: getattr(disk, name) for name in NAMES})
        chip.commit(balance_fen=NEW)
    after = disk.names[NAME].data
    assert after != before
    for contents in disk.seen:
        assert contents <= {before, after}
    assert disk.seen[0] == {before}
    assert {before, after} in disk.seen
    assert disk.seen[-1] == {after}


def test_a_cut_write_shows_when_the_chip_is_powered_again(
    chip: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def cut(source: Path, target: Path) -> None:
        real(source, target)
        raise PowerCut

    with monkeypatch.context() as patched:
        powered(patched, replace=cut)
        with pytest.raises(PowerCut):
            chip.commit(balance_fen=NEW)
    chip.transmit(bytes.fromhex("00A4040008A00000063201010500"))
    assert int.from_bytes(chip.transmit(bytes.fromhex("805C000204"))[:4]) == NEW
