from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from citizencard.core.keyservice.keystore import KeyStore
from tests.citizencard.core.keyservice.cards import CardSide
from tests.fixtures_core import DEMO_KEYS, KeyServiceProcess


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cc-keys-") as name:
        yield Path(name)


@pytest.fixture
def own_service(folder: Path) -> Iterator[KeyServiceProcess]:
    """A service this test may stop and kill."""
    service = KeyServiceProcess(folder / "keys.sock", "--demo-keys", str(DEMO_KEYS))
    service.start()
    yield service
    service.kill()


@pytest.fixture(scope="session")
def card_side(demo_keys: KeyStore) -> CardSide:
    return CardSide(demo_keys)
