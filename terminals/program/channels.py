"""What may be done with a card at each kind of place: one table for all terminals.

The centre's parameters may say otherwise for a channel (`channels`: {"shop": {"refund_days": 7}}); what stands here holds
until they do. Amounts of limits are the centre's alone (`limits`); the table says which of them bind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from terminals.fares.fields import Fields
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.kinds import EnteredAmount, FlatFare, FreeFare, TimeFare
from terminals.fares.metered import MeteredFare
from terminals.fares.tariffs import TariffRule
from terminals.program.limits import Limits

REFUND_DAYS_MAX: Final = 366
GUARD_MAX_S: Final = 600
"""A card's last tap is remembered no longer (`state.RECENT`)."""


class Sale(StrEnum):
    """How the amount comes about."""

    TAP = "tap"
    """One tap at a price everybody knows."""
    JOURNEY = "journey"
    """In and out, or begin and end."""
    TAP_OR_JOURNEY = "tap or journey"
    METER = "meter"
    """From a meter, confirmed on the display before the card is held there."""
    CASHIER = "cashier"
    """Entered by hand."""
    TICKET = "ticket"
    """A price everybody knows, or one entered; or a pass that is shown."""


class Receipt(StrEnum):
    """Whether paper comes out."""

    NONE = "none"
    """The holder's statement tells."""
    ASKED = "asked"
    ALWAYS = "always"


SINGLE, OVERDRAFT, OFFLINE = "single", "overdraft", "offline"
"""Limits that may bind: one purchase, how far below zero, and count and sum without the centre's word on a day."""


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """One row. `kinds` are the kinds of fare that make sense here; `industry` goes into the trip the chip keeps.

    `overdraft` among the limits means that the holder may go below zero as far as the centre allows; where it is missing the
    holder may not at all. `free_when_out`: people are let through free when the terminal is out of service.
    """

    channel: str
    sale: Sale
    kinds: tuple[type[TariffRule], ...]
    cancel: bool
    refund_days: int
    offline: bool
    limits: frozenset[str]
    receipt: Receipt
    guard_s: int
    industry: int | None = None
    real_name: bool = False
    cover: bool = False
    """Whoever begins must hold the highest charge, since nothing else stands for it."""
    free_when_out: bool = False

    def bounds(self, limits: Limits) -> Limits:
        """The centre's limits as far as they bind here."""
        return Limits(
            single_fen=limits.single_fen if SINGLE in self.limits else None,
            offline_count=limits.offline_count if OFFLINE in self.limits else None,
            offline_sum_fen=limits.offline_sum_fen if OFFLINE in self.limits else None,
            overdraft_fen=limits.overdraft_fen if OVERDRAFT in self.limits else 0,
        )

    def changed(self, fields: Fields) -> ChannelRule:
        """With what the centre says otherwise. Raises DocumentError."""
        new: dict[str, Any] = {}
        for name in ("cancel", "offline", "real_name", "cover", "free_when_out"):
            if fields.has(name):
                new[name] = fields.flag(name)
        if fields.has("refund_days"):
            new["refund_days"] = fields.whole("refund_days", 0, REFUND_DAYS_MAX, "number of days")
        if fields.has("guard_s"):
            new["guard_s"] = fields.whole("guard_s", 0, GUARD_MAX_S, "number of seconds")
        if fields.has("receipt"):
            new["receipt"] = fields.choice("receipt", {item.value: item for item in Receipt})
        fields.done()
        return replace(self, **new)


_RIDE: Final = frozenset({SINGLE, OVERDRAFT, OFFLINE})
_SALE: Final = frozenset({SINGLE, OFFLINE})
_ROWS: Final = (
    ChannelRule(
        "bus", Sale.TAP_OR_JOURNEY, (FlatFare, FreeFare, SectionFare, PairFare), False, 0, True, _RIDE, Receipt.NONE, 30,
        industry=0x02, free_when_out=True,
    ),
    ChannelRule(
        "metro", Sale.JOURNEY, (PairFare, SectionFare), False, 0, True, _RIDE, Receipt.NONE, 10, industry=0x01,
        free_when_out=True,
    ),
    ChannelRule("taxi", Sale.METER, (MeteredFare,), True, 0, True, _SALE, Receipt.ALWAYS, 60, industry=0x04),
    ChannelRule(
        "parking", Sale.JOURNEY, (TimeFare,), False, 0, True, _SALE, Receipt.ASKED, 60, industry=0x07, free_when_out=True,
    ),
    ChannelRule(
        "bike", Sale.JOURNEY, (TimeFare,), False, 0, True, _SALE, Receipt.NONE, 10, industry=0x06, real_name=True,
        cover=True,
    ),
    ChannelRule(
        "hospital", Sale.CASHIER, (EnteredAmount,), True, 180, False, frozenset({SINGLE}), Receipt.ALWAYS, 30,
    ),
    ChannelRule("pharmacy", Sale.CASHIER, (EnteredAmount,), True, 0, True, _SALE, Receipt.ALWAYS, 30),
    ChannelRule("park", Sale.TICKET, (FlatFare, FreeFare, EnteredAmount), True, 0, True, _SALE, Receipt.ALWAYS, 30),
    ChannelRule("shop", Sale.CASHIER, (EnteredAmount,), True, 30, True, _SALE, Receipt.ASKED, 30),
)  # fmt: skip
CHANNELS: Final[Mapping[str, ChannelRule]] = {row.channel: row for row in _ROWS}
ANY: Final = ChannelRule(
    "any",
    Sale.TAP,
    (FlatFare, FreeFare, SectionFare, PairFare, TimeFare, MeteredFare, EnteredAmount),
    False,
    0,
    True,
    _RIDE,
    Receipt.NONE,
    30,
)
"""A device that was not told where it stands: it does what its tariff asks for, and nothing else."""


def guarded(guard_s: int | None) -> dict[str, ChannelRule]:
    """The table, and under no name the row of a device that was not told, with the centre's guard for all of them."""
    rows = {"": ANY, **CHANNELS}
    if guard_s is None:
        return rows
    return {code: replace(row, guard_s=min(guard_s, GUARD_MAX_S)) for code, row in rows.items()}


def parse_channels(fields: Fields, rows: Mapping[str, ChannelRule]) -> dict[str, ChannelRule]:
    """The rows with the centre's changes: `{channel: {field: value}}`. Raises DocumentError."""
    changed = dict(rows)
    for channel in fields:
        if channel not in CHANNELS:
            raise fields.wrong(channel, f"is none of {', '.join(CHANNELS)}")
        changed[channel] = rows[channel].changed(fields.object(channel))
    return changed
