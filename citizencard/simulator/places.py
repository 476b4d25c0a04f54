"""Which terminal somebody meets: any vehicle of the line, any gate of the station, any shop of the kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from citizencard.simulator.chance import Ints
from citizencard.simulator.habits import Way
from citizencard.simulator.layout import STATIONS, Device, Layout
from terminals.models import Channel

Lots = NDArray[np.float64]
"""A number from 0 to 1 for each visit: what decides between terminals that would all do."""

SHOPS: Final = {
    Way.SHOP: Channel.SHOP,
    Way.HOSPITAL: Channel.HOSPITAL,
    Way.PHARMACY: Channel.PHARMACY,
    Way.PARK: Channel.PARK,
    Way.PARKING: Channel.PARKING,
}


@dataclass(frozen=True, slots=True)
class Places:
    """Terminal numbers: a row a line, a row a station, a list a kind of shop."""

    buses: Ints
    entries: Ints
    exits: Ints
    shops: dict[Way, Ints]

    @classmethod
    def of(cls, layout: Layout) -> Places:
        """From the devices of the layout."""
        return cls(
            buses=np.array([_numbers(layout, Channel.BUS, line=line) for line in range(layout.lines)]),
            entries=np.array([_gates(layout, station, "entry") for station in range(len(STATIONS))]),
            exits=np.array([_gates(layout, station, "exit") for station in range(len(STATIONS))]),
            shops={way: np.array(_numbers(layout, channel)) for way, channel in SHOPS.items()},
        )


def by_lot(rows: Ints, row: Ints, lot: Lots) -> Ints:
    """One terminal of each row named."""
    chosen: Ints = rows[row, (lot * rows.shape[1]).astype(np.int64)]
    return chosen


def _numbers(layout: Layout, channel: Channel, line: int = -1) -> list[int]:
    return layout.numbers(lambda item: item.channel == channel and item.line == line)


def _gates(layout: Layout, station: int, role: str) -> list[int]:
    def wanted(item: Device) -> bool:
        return item.station == station and item.role == role

    return layout.numbers(wanted)
