from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from citizencard.embedded.pcscd import PcscUnavailable, running_pcscd
from tests.terminals.bench import chip, psam
from tests.terminals.readers.slots import MemorySlots, Slots, pcsc_slots, tcp_slots

__all__ = ["chip", "pcscd", "psam", "slots"]

PCSC_MARKS = [pytest.mark.pcsc]


@pytest.fixture(scope="module")
def pcscd() -> Iterator[None]:
    """The PC/SC daemon with virtual readers; skips where it cannot be had, fails where it is merely busy."""
    with ExitStack() as stack:
        try:
            stack.enter_context(running_pcscd())
        except PcscUnavailable as missing:
            if "another program" in missing.reason:
                raise
            pytest.skip(missing.reason)
        yield


@pytest.fixture(params=["memory", "tcp", pytest.param("pcsc", marks=PCSC_MARKS)])
def slots(request: pytest.FixtureRequest) -> Iterator[Slots]:
    """Card and SAM slot over each transport."""
    if request.param == "memory":
        yield MemorySlots()
        return
    if request.param == "tcp":
        with tcp_slots() as both:
            yield both
        return
    request.getfixturevalue("pcscd")
    with pcsc_slots() as both:
        yield both
