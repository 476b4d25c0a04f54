"""What a record says of where it was: stations by name, as gates write them."""

from __future__ import annotations

from dataclasses import dataclass

from citizencard.simulator.layout import STATIONS
from citizencard.simulator.plan import Plan
from citizencard.simulator.taps import Taps


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """The metro's station names, and the station and role of every terminal; -1 where there is none."""

    names: tuple[str, ...]
    station: tuple[int, ...]
    role: tuple[str, ...]

    def of(self, taps: Taps) -> list[str]:
        """`东海` at an entry, `东海→西湖` at an exit, nothing elsewhere."""
        return [
            self._name(device, start)
            for device, start in zip(taps.device.tolist(), taps.start.tolist(), strict=True)
        ]

    def _name(self, device: int, start: int) -> str:
        here = self.station[device]
        if here < 0:
            return ""
        name = self.names[here]
        return name if self.role[device] == "entry" else f"{self.names[start]}→{name}"


def place_names(plan: Plan) -> PlaceNames:
    """Of the plan's terminals."""
    devices = plan.layout.devices
    return PlaceNames(
        tuple(plan.station_names[code] for code in STATIONS),
        tuple(device.station for device in devices),
        tuple(device.role for device in devices),
    )
