"""Published worked examples and dumps of real cards, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VECTORS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))


def vector(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and expected values."""
    return VECTORS[name]["inputs"], VECTORS[name]["expected"]


def named(part: str) -> list[str]:
    """Names that contain a part."""
    return sorted(name for name in VECTORS if part in name)
