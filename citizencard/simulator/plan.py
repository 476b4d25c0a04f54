"""The whole run before it begins: who taps, what goes wrong, what is sent, and what each record must come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Final

import numpy as np

from citizencard.simulator.chance import Chance, Ints
from citizencard.simulator.layout import DRIFT_S, STATIONS, Layout, lay_out
from citizencard.simulator.mischief import Reports, by_clock, spoil
from citizencard.simulator.people import settle
from citizencard.simulator.places import Places
from citizencard.simulator.purses import TopUps, fill
from citizencard.simulator.taps import Fares, Taps, make_taps
from citizencard.simulator.uploads import Traffic, pack
from citizencard.simulator.verdicts import judge
from citizencard.simulator.visits import draw_visits
from citizencard.simulator.wishes import Wish
from terminals.fares.journeys import PairFare
from terminals.fares.kinds import FlatFare
from terminals.fares.tariffs import parse_tariff

BUS, METRO, ENTERED = "bus-flat", "metro-pair", "entered"
TARIFFS: Final = (BUS, METRO, ENTERED)
"""Of the demo city, in force in every simulated one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Times are seconds since midnight (China) of `first`. `clock` is each tap's time by its terminal, `verdict` by line."""

    wish: Wish
    first: date
    layout: Layout
    station_names: Mapping[str, str]
    drift_s: Ints
    taps: Taps
    top_ups: TopUps
    reports: Reports
    traffic: Traffic
    clock: Ints
    verdict: Ints

    def digest(self) -> str:
        """SHA-256 over all of it: the same for the same wish, wherever and whenever it was drawn."""
        wish = asdict(self.wish) | {"first": self.first.isoformat()}
        found = hashlib.sha256(json.dumps(wish, sort_keys=True).encode())
        for part in (self.taps, self.top_ups, self.reports, self.traffic.lines):
            for item in fields(part):
                found.update(np.ascontiguousarray(getattr(part, item.name), "<i8").tobytes())
        for array in (self.drift_s, self.clock, self.verdict):
            found.update(np.ascontiguousarray(array, "<i8").tobytes())
        uploads = [
            [*map(str, (item.device, item.day, item.number)), *sorted(fault.word for fault in item.faults)]
            for item in self.traffic.uploads
        ]
        found.update(json.dumps([uploads, self.traffic.strangers]).encode())
        return found.hexdigest()


def draw_plan(wish: Wish, first: date, tariffs: dict[str, dict[str, Any]]) -> Plan:
    """Everything from the wish's seed. `tariffs` are the city's rules by code, of which TARIFFS are used."""
    chance, layout = Chance(wish.seed), lay_out(wish.citizens)
    fares, names = read_fares(tariffs)
    people, places = settle(chance, wish.citizens, layout), Places.of(layout)
    drift_s = chance.stream("clocks").integers(-DRIFT_S, DRIFT_S + 1, len(layout.devices))
    visits = draw_visits(chance, wish, first, people)
    taps, top_ups = fill(make_taps(chance, visits, people, places, fares, wish.taps), people)
    taps, reports = spoil(chance, wish.faults, taps, top_ups, places, drift_s, fares.bus_fen, wish.days)
    traffic = pack(chance, wish.faults, taps, layout, wish.days)
    clock = by_clock(taps, drift_s)
    verdict = judge(taps, traffic.lines, clock, reports.moments(wish.citizens))
    return Plan(wish, first, layout, names, drift_s, taps, top_ups, reports, traffic, clock, verdict)


def read_fares(tariffs: dict[str, dict[str, Any]]) -> tuple[Fares, Mapping[str, str]]:
    """What bus and metro cost by the city's tariffs, each `{"kind", "rule"}`, and the stations' names. Raises ValueError for kinds of another city."""
    bus, metro = (parse_tariff(tariffs[code]["kind"], tariffs[code]["rule"]) for code in (BUS, METRO))
    if not isinstance(bus, FlatFare) or not isinstance(metro, PairFare):
        raise ValueError("the simulated city has a flat bus fare and a metro fare by pairs")
    table = [[metro.fare_fen(start, end) for end in STATIONS] for start in STATIONS]
    return Fares(bus.fare_fen, np.array(table, np.int64)), metro.stations
