"""A disk that forgets: what the journal asks of the system is recorded, and every state a power cut could leave is made.

Rules of the disk, as POSIX and common file systems give them: what `fsync` or `fdatasync` returned from is there. Of a write not
synced, any bytes or sectors may be there. A name (create, rename, unlink) is there for certain once its folder was synced;
names not synced may be there up to any one of them, in order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

SECTOR = 512


@dataclass(frozen=True)
class Step:
    """One thing asked of the disk. `file` is an inode number of ours, names are those in the folder."""

    what: str
    file: int = 0
    offset: int = 0
    data: bytes = b""
    name: str = ""
    target: str = ""


class RecordingOs:
    """In the place of the module `os`: does everything for real, and keeps a list."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._inodes: dict[int, int] = {}
        self._count = 0
        self._folders: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        new = not Path(path).exists() or bool(flags & os.O_TRUNC)
        descriptor = os.open(path, flags, mode)
        if Path(path).is_dir():
            self._folders.add(descriptor)
            return descriptor
        self._folders.discard(descriptor)
        if new:
            self._count += 1
            self.steps.append(Step("create", self._count, name=Path(path).name))
        self._inodes[descriptor] = self._count
        return descriptor

    def posix_fallocate(self, descriptor: int, offset: int, length: int) -> None:
        os.posix_fallocate(descriptor, offset, length)
        self.steps.append(Step("size", self._inodes[descriptor], length))

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        written = os.pwrite(descriptor, data, offset)
        self.steps.append(Step("write", self._inodes[descriptor], offset, data[:written]))
        return written

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        if descriptor in self._folders:
            self.steps.append(Step("sync-names"))
        else:
            self.steps.append(Step("sync", self._inodes[descriptor]))

    fdatasync = fsync

    def rename(self, source: Path, target: Path) -> None:
        os.rename(source, target)
        self.steps.append(Step("rename", name=source.name, target=target.name))


@dataclass
class Disk:
    """What is certain, and what is not yet."""

    files: dict[int, bytearray] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    loose_data: list[Step] = field(default_factory=list)
    loose_names: list[Step] = field(default_factory=list)

    def do(self, step: Step) -> None:
        if step.what in ("size", "write"):
            self.loose_data.append(step)
        elif step.what == "sync":
            for loose in self.loose_data:
                if loose.file == step.file:
                    _put(self.files, loose)
            self.loose_data = [loose for loose in self.loose_data if loose.file != step.file]
        elif step.what == "sync-names":
            for loose in self.loose_names:
                _name(self.names, loose)
            self.loose_names = []
        else:
            self.files.setdefault(step.file, bytearray())
            self.loose_names.append(step)

    def after_cut(self, *, every_byte: bool) -> Iterator[dict[str, bytes]]:
        """Every folder a cut at this moment may leave."""
        for count in range(len(self.loose_names) + 1):
            names = dict(self.names)
            for loose in self.loose_names[:count]:
                _name(names, loose)
            for written in _partly(self.loose_data, every_byte=every_byte):
                files = {number: bytearray(content) for number, content in self.files.items()}
                for loose in written:
                    _put(files, loose)
                yield {name: bytes(files[number]) for name, number in names.items()}


def disks(steps: list[Step]) -> Iterator[tuple[int, Disk]]:
    """The disk after each number of steps."""
    disk = Disk()
    yield 0, disk
    for count, step in enumerate(steps, 1):
        disk.do(step)
        yield count, disk


def lay_out(folder: Path, content: dict[str, bytes]) -> None:
    """Put one such state where a journal can be opened from it."""
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)


def _partly(loose: list[Step], *, every_byte: bool) -> Iterator[list[Step]]:
    """Nothing, everything, and the last write in pieces: cut at every byte, or any set of its sectors."""
    yield []
    if not loose:
        return
    yield loose
    *before, last = loose
    if every_byte:
        for cut in range(1, len(last.data)):
            yield [*before, replace(last, data=last.data[:cut])]
    sectors = list(_sectors(last))
    if len(sectors) <= 4:
        for chosen in chain.from_iterable(combinations(sectors, size) for size in range(1, len(sectors))):
            yield [*before, *chosen]


def _sectors(step: Step) -> Iterator[Step]:
    at, end = step.offset, step.offset + len(step.data)
    while at < end:
        after = min((at // SECTOR + 1) * SECTOR, end)
        yield replace(step, offset=at, data=step.data[at - step.offset : after - step.offset])
        at = after


def _put(files: dict[int, bytearray], step: Step) -> None:
    content = files.setdefault(step.file, bytearray())
    end = step.offset + len(step.data)
    content.extend(bytes(max(0, end - len(content))))
    content[step.offset : end] = step.data


def _name(names: dict[str, int], step: Step) -> None:
    if step.what == "create":
        names[step.name] = step.file
    else:
        names[step.target] = names.pop(step.name)
