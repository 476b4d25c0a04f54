"""`python -m tests.settlement.dying_run DATE PLACE WHEN`: clear DATE and be killed by SIGKILL at PLACE.

PLACE is a function that `settlement.services.clearing` calls, WHEN is `before` or `after` that call.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import django


def main(day: date, place: str, when: str) -> None:
    """Clear until the kill."""
    django.setup()
    from settlement.services import clearing

    owner: Any = clearing.calendar if hasattr(clearing.calendar, place) else clearing
    setattr(owner, place, _deadly(getattr(owner, place), when))
    clearing.clear_day(day=day)


def _deadly(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            function(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    return wrapper


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]), sys.argv[2], sys.argv[3])
