"""What a record says of where it was: for people (`place`) and for fares (`trip`, see `terminals.wire.trip`)."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from citizencard.simulator.chance import Ints
from citizencard.simulator.layout import STATIONS
from citizencard.simulator.plan import Plan
from citizencard.simulator.taps import COMPOUND
from terminals.wire.trip import BEIJING

_NONE = -1


class Places:
    """Places and trips of a plan's taps. `midnight` is the plan's first one, in seconds since 1970 UTC."""

    def __init__(self, plan: Plan, midnight: int) -> None:
        self._plan, self._midnight = plan, midnight
        self._names = [plan.station_names[code] for code in STATIONS]
        self._entry = entries(plan)

    def place(self, tap: int) -> str:
        """`东海` at an entry, `东海→西湖` at an exit, nothing elsewhere."""
        device = self._plan.layout.devices[self._plan.taps.device[tap]]
        if device.station < 0:
            return ""
        name, start = self._names[device.station], self._plan.taps.start[tap]
        return name if start < 0 else f"{self._names[start]}→{name}"

    def trip(self, tap: int) -> str:
        """`in:0101`, `out:0103:0101:20260302080011`, `@L7` on a bus, nothing in a shop."""
        device = self._plan.layout.devices[self._plan.taps.device[tap]]
        if device.line >= 0:
            return f"@L{device.line + 1}"
        if device.station < 0:
            return ""
        here, entry = STATIONS[device.station], int(self._entry[tap])
        if entry == _NONE:
            return f"in:{here}"
        since = datetime.fromtimestamp(int(self._plan.clock[entry]) + self._midnight, BEIJING)
        return f"out:{here}:{STATIONS[self._plan.taps.start[tap]]}:{since:%Y%m%d%H%M%S}"


def entries(plan: Plan) -> Ints:
    """For each exit of the metro the tap by which it was entered: the card's last one before it."""
    taps, found = plan.taps, np.full(len(plan.taps), _NONE, np.int64)
    metro = np.flatnonzero(taps.kind == COMPOUND)
    metro = metro[np.lexsort((taps.atc[metro], taps.card[metro]))]
    leaving = np.flatnonzero(taps.start[metro] >= 0)
    found[metro[leaving]] = metro[leaving - 1]
    return found
