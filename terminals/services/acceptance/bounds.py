"""Which purchases lie beyond the policy of their own date: all of an upload against a few dated rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terminals.models import AcceptancePolicy, Tap, Tariff, Terminal
from terminals.selectors.tariffs import ceiling_of
from terminals.wire.columns import Rows
from terminals.wire.trip import BEIJING_SECONDS

Numbers = NDArray[np.int64]
_DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)
_NONE: Final = np.iinfo(np.int64).max
"""A bound that nothing lies beyond."""


def outcomes_beyond(*, terminal: Terminal, rows: Rows, now: datetime) -> NDArray[np.int16]:
    """The Tap.Outcome of each record that is late, beyond the limit or above the tariff; 0 for all others."""
    found = np.zeros(len(rows), np.int16)
    policies = AcceptancePolicy.objects.filter(channel=terminal.merchant.channel).order_by("valid_from")
    versions = list(policies.values_list("valid_from", "purchase_limit_fen", "late_days", "hold_over_price"))
    if not len(rows) or not versions:
        return found
    begins, limits, late_days, _ = zip(*versions, strict=True)
    days = (rows["occurred_at"] + BEIJING_SECONDS) // _DAY_S
    if any(held for *_, held in versions):
        held = _in_force(begins, [int(held) for *_, held in versions], days) == 1
        found[held & (rows["amount_fen"] > _prices(terminal.tariff_code, days))] = Tap.Outcome.OVER_PRICE
    found[rows["amount_fen"] > _in_force(begins, limits, days)] = Tap.Outcome.OVER_LIMIT
    age_s = int(now.timestamp()) - rows["occurred_at"]
    found[age_s > _in_force(begins, [days * _DAY_S for days in late_days], days)] = Tap.Outcome.LATE
    return found


def _prices(tariff_code: str, days: Numbers) -> Numbers:
    """The most that the tariff's version of each day can ask for."""
    versions = Tariff.objects.filter(code=tariff_code).order_by("valid_from")
    begins, keys = zip(*versions.values_list("valid_from", "pk"), strict=True)
    return _in_force(begins, [_NONE if (most := ceiling_of(key)) is None else most for key in keys], days)


def _in_force(begins: Sequence[date], values: Sequence[int], days: Numbers) -> Numbers:
    """The value of each day: that of the version that began last; none before the first."""
    steps = np.array([_NONE, *values], np.int64)
    found: Numbers = steps[np.searchsorted([(begin - _EPOCH).days for begin in begins], days, side="right")]
    return found
