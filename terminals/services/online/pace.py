"""How often a terminal may ask about cards: as fast as people can put them down, and not as fast as lists can be read out."""

from __future__ import annotations

import math
import threading
import time
from typing import Final

from terminals.errors import TooManyInquiries

PER_MINUTE: Final = 30
_KEPT: Final = 20_000
_guard = threading.Lock()
_levels: dict[int, tuple[float, float]] = {}
"""What each terminal has left, and since when; in each web process for itself."""


def take_turn(terminal_id: int) -> None:
    """Count one inquiry. Raises TooManyInquiries beyond PER_MINUTE."""
    with _guard:
        now = time.monotonic()
        level, since = _levels.get(terminal_id, (float(PER_MINUTE), now))
        level = min(PER_MINUTE, level + (now - since) * PER_MINUTE / 60)
        if len(_levels) >= _KEPT:
            _levels.clear()
        _levels[terminal_id] = (level - 1 if level >= 1 else level, now)
    if level < 1:
        raise TooManyInquiries(seconds=math.ceil((1 - level) * 60 / PER_MINUTE))
