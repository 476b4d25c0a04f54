"""Fixtures of the chip tests: an issued card, a working SAM, a till over both."""

from __future__ import annotations

import pytest
from hypothesis import settings

from terminals.card.purse import PurseSession
from terminals.readers.memory import MemoryTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam
from tests.terminals.cards import Till, issued_chip, issued_psam

__all__ = ["chip", "psam", "purse", "till"]

# A busy machine must not fail a property by being slow.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture
def chip() -> Chip:
    """An issued, empty T-Union card."""
    return issued_chip()


@pytest.fixture
def psam() -> Psam:
    """A working SAM."""
    return issued_psam()


@pytest.fixture
def till(chip: Chip, psam: Psam) -> Till:
    """A terminal with card and SAM in process."""
    return Till.over(MemoryTransport(chip), MemoryTransport(psam))


@pytest.fixture
def purse(chip: Chip) -> PurseSession:
    """A session with the application selected."""
    session = PurseSession(MemoryTransport(chip))
    session.select()
    return session
