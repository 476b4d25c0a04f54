"""A parser with a mistake in it: proof that the fuzzer finds one. Not part of `--all`."""

from __future__ import annotations

from typing import Final

from tests.fuzz.target import Target


def faulty(data: bytes) -> None:
    """Length and tag are looked at byte by byte; the fifth condition divides by zero."""
    if len(data) > 4 and data[0] == 0x6F and data[1] == 0xA5 and data[2] == 0x9F and data[3] == 0x0C:
        1 // (data[4] - 0x1E) if data[4] > 0x10 else 0


PLANTED: Final = Target("planted", faulty, lambda: [b"\x00"])
