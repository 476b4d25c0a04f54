"""All that needs nobody, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from terminals.services.held.activated import settle_activated
from terminals.services.held.claims import collect_claims
from terminals.services.held.hot_listed import settle_hot_listed
from terminals.services.held.in_time import settle_in_time


@dataclass(frozen=True, slots=True)
class Settled:
    """How many purchases with lost cards were decided, how many with cards that were activated since, how many went back by
    the acceptance policy, how many claims were collected.
    """

    hot_listed: int
    activated: int
    in_time: int
    claims: int


def settle_held(*, now: datetime) -> Settled:
    """Decide everything that a rule decides, in as many batches as it takes, each a transaction of its own."""
    return Settled(
        hot_listed=_all(settle_hot_listed),
        activated=_all(settle_activated),
        in_time=_all(partial(settle_in_time, now=now)),
        claims=_all(collect_claims),
    )


def _all(step: Callable[[], int]) -> int:
    """Until nothing is left that it can settle."""
    count = 0
    while done := step():
        count += done
    return count
