from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.terminals.bench import chip

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from tests.citizencard.bridge.house import House

__all__ = ["chip", "house"]


@pytest.fixture
def house(transactional_db: None, settings: Any) -> Iterator[House]:
    """A hub that runs; committed rows, since its threads have connections of their own."""
    from tests.citizencard.bridge.house import House

    house = House(settings)
    yield house
    house.close()
