"""A terminal as it hangs in a bus or stands at a gate: real SAM and chips (simulated), a journal on disk, a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.keystore import KeyStore
    from citizencard.core.models import BusinessDay
    from tests.terminals.program.device import Device


@pytest.fixture
def install(open_day: BusinessDay, demo_keys: KeyStore, tmp_path: Path) -> Callable[..., Device]:
    """Installs terminals: `install("flat", {"fare_fen": 200}, online=True)`."""
    from tests.terminals.program.device import Device

    def make(kind: str, rule: dict[str, Any], **settings: Any) -> Device:
        return Device.install(demo_keys, tmp_path, kind, rule, **settings)

    return make
