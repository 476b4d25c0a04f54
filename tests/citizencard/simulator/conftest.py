"""Runs of small simulated cities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.simulator.plan import Plan
    from citizencard.simulator.run import Run


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """A run ready to be played; 20 citizens and three days with every fault unless told otherwise."""
    from tests.citizencard.simulator.runs import make

    return lambda **wish: make(tmp_path, **wish)


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., Plan]:
    """A plan alone: pure numbers, no database."""
    from tests.citizencard.simulator.runs import draw

    return draw


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path
