"""Search other processes' memory for many byte strings at once (Linux, as root or the processes' own user)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHUNK = 16 << 20
LONGEST = 64
"""Neighbouring chunks overlap by so much; no needle is longer."""


class Needles:
    """Byte strings with names, of 8 to 64 bytes each, searched as they are and as hex digits of either case."""

    def __init__(self, names: Mapping[bytes, str]) -> None:
        spelled = {
            form: name
            for needle, name in names.items()
            for form in (needle, needle.hex().encode(), needle.hex().upper().encode())
        }
        assert all(8 <= len(form) <= LONGEST for form in spelled)
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = {}
        for form, name in spelled.items():
            self._by_head.setdefault(form[:4], []).append((form, name))
        heads = np.array([int.from_bytes(head, "little") for head in self._by_head], np.uint32)
        self._begins = np.zeros(1 << 16, np.bool_)
        self._begins[heads & 0xFFFF] = True
        self._heads = np.sort(heads)

    def found_in(self, content: bytes) -> set[str]:
        """Names of the needles in these bytes."""
        return {
            name
            for at in self._candidates(np.frombuffer(content, np.uint8))
            for form, name in self._by_head[content[at : at + 4]]
            if content.startswith(form, at)
        }

    def found_in_process(self, pid: int) -> set[str]:
        """Names of the needles in everything the process can write to."""
        return {name for content in writable_memory(pid) for name in self.found_in(content)}

    def _candidates(self, octets: NDArray[np.uint8]) -> list[int]:
        """Where the first four bytes of any needle stand."""
        if len(octets) < LONGEST or not octets.any():
            return []
        here: list[int] = []
        for shift in (0, 1):
            even = octets[shift : shift + (len(octets) - shift) // 2 * 2].view("<u2")
            at = np.flatnonzero(self._begins[even]).astype(np.int64) * 2 + shift
            at = at[at <= len(octets) - 4]
            words = sum(octets[at + n].astype(np.uint32) << np.uint32(8 * n) for n in range(4))
            here += at[np.isin(words, self._heads)].tolist()
        return here


def writable_memory(pid: int) -> Iterator[bytes]:
    """The process's writable memory in overlapping chunks."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps.readlines():
            span, mode = line.split()[:2]
            low, high = (int(edge, 16) for edge in span.split("-"))
            if not mode.startswith("rw") or low >= 1 << 47:
                continue
            for begin in range(low, high, CHUNK):
                memory.seek(begin)
                try:
                    yield memory.read(min(CHUNK + LONGEST, high - begin))
                except OSError:  # freed meanwhile, or a device's
                    break


def session_of(leader: int) -> list[int]:
    """All processes of a session: a service with all it has started."""
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and _session(folder) == leader
    ]


def _session(folder: Path) -> int | None:
    try:
        # Fields after the command's closing bracket: state, parent, group, session.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):
        return None
