"""Rides and stays with a beginning and an end: the card itself carries the entry, in a trip record (EF1E, JT/T 978).

Entry is a compound purchase over nothing that writes "in", exit one over the fare that writes "out", so purse and trip
always change together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from terminals.card.crypto import CHINA
from terminals.card.files import TripRecord
from terminals.fares.journeys import PairFare
from terminals.fares.kinds import TimeFare
from terminals.program.purchase import Card, MakeTrip
from terminals.program.result import Refused

ENTERED_CAR_PARK: Final = "入场"
LINE: Final = "00000000"
STATION_DIGITS: Final = 6


class TripKind(IntEnum):
    """Type byte of a trip record, purse rides only."""

    IN = 0x03
    OUT = 0x04


class Industry(IntEnum):
    """Industry byte of a trip record."""

    METRO = 0x01
    PARKING = 0x07


@dataclass(frozen=True, slots=True)
class Passage:
    """What one pass costs and writes: the fare, the place for the statement, the trip, and a special reason if any."""

    fare_fen: int
    place: str
    make_trip: MakeTrip
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate or barrier. `role` is `entry`, `exit`, or `both` where the card's own trip decides; `station` its code."""

    terminal_no: bytes
    rule: PairFare | TimeFare
    role: str = "both"
    station: str = "0"

    @property
    def industry(self) -> Industry:
        """Metro goes by station, parking by time."""
        return Industry.METRO if isinstance(self.rule, PairFare) else Industry.PARKING

    def passage(self, card: Card, when: datetime) -> Passage:
        """What this pass is. Raises FareError without a fare, Refused `no_entry` for a stay without a beginning."""
        last = card.purse.last_trip(self.industry)
        entry = last if last and last.kind == TripKind.IN else None
        if self.role == "entry" or (self.role == "both" and entry is None):
            return self._enter(when)
        if isinstance(self.rule, PairFare):
            return self._leave_station(self.rule, entry, when)
        if entry is None:
            raise Refused("no_entry")
        begun = entry.when.replace(tzinfo=CHINA)
        leaving = when.astimezone(CHINA)
        place = f"{begun:%m-%d %H:%M}→{leaving:%m-%d %H:%M}"
        return self._exit(self.rule.fare_fen(begun, leaving), place, when)

    def _enter(self, when: datetime) -> Passage:
        place = self.rule.name(self.station) if isinstance(self.rule, PairFare) else ENTERED_CAR_PARK
        return Passage(0, place, self._trip(TripKind.IN, 0, when), "entry")

    def _leave_station(self, rule: PairFare, entry: TripRecord | None, when: datetime) -> Passage:
        here = rule.name(self.station)
        if entry is None:
            return self._exit(rule.max_fen, f"?→{here}", when, "max_fare")
        code = rule.code_of(entry.station)
        return self._exit(rule.fare_fen(code, self.station), f"{rule.name(code)}→{here}", when)

    def _exit(self, fare_fen: int, place: str, when: datetime, reason: str = "accepted") -> Passage:
        return Passage(fare_fen, place, self._trip(TripKind.OUT, fare_fen, when), reason)

    def _trip(self, kind: TripKind, fare_fen: int, when: datetime) -> MakeTrip:
        def make(balance_after_fen: int) -> TripRecord:
            return TripRecord(
                kind=kind,
                terminal_no=self.terminal_no.rjust(8, b"\x00"),
                industry=self.industry,
                line=LINE,
                station=bytes.fromhex(self.station.zfill(STATION_DIGITS)),
                amount_fen=fare_fen,
                balance_after_fen=max(balance_after_fen, 0),
                when=when,
                city="0000",
                acquirer=bytes(8),
            )

        return make
