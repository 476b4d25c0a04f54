"""All targets by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.fuzz.chips import CHIPS
from tests.fuzz.parsers import PARSERS
from tests.fuzz.planted import PLANTED
from tests.fuzz.reading import READING
from tests.fuzz.services import SERVICES
from tests.fuzz.target import Target

REAL: Final = (*PARSERS, *READING, *CHIPS, *SERVICES)


def _any_of(data: bytes) -> None:
    if data:
        REAL[data[0] % len(REAL)](data[1:])


def _all_seeds() -> Iterator[bytes]:
    for at, target in enumerate(REAL):
        for seed in target.seeds():
            yield bytes([at]) + seed


MIXED: Final = Target("mixed", _any_of, _all_seeds)
"""All of them in one process, chosen by the first byte: for a short run."""

TARGETS: Final = {target.name: target for target in (*REAL, MIXED, PLANTED)}
