"""The demonstration keys and a second seed to sign with."""

from __future__ import annotations

import json
from pathlib import Path

from citizencard.core.keyservice.keystore import Algorithm, Master
from tests.fixtures_core import DEMO_KEYS

SECOND_SEED = bytes(range(32))


def keys_with_two_seeds(folder: Path) -> Path:
    """The file, for a key service of a test's own."""
    content = json.loads(DEMO_KEYS.read_text())
    kcv = Master(Algorithm.SEED, SECOND_SEED).kcv
    content["keys"].append({"usage": "SIGN", "version": 2, "value": SECOND_SEED.hex(), "kcv": kcv})
    (folder / "keys.json").write_text(json.dumps(content))
    return folder / "keys.json"
