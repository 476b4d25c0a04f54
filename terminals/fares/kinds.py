"""The kinds of fare that need no journey: one price, an amount entered, nothing at all, and time.

Each kind has `price`: the full fare of a ride, as message key, amount and values of the derivation's first step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from terminals.fares.errors import FareError
from terminals.fares.fields import Fields
from terminals.fares.rides import Ride

Price = tuple[str, int, dict[str, Any]]
"""Message key, amount in fen, values of the message."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FlatFare:
    """One price for every ride: `{"fare_fen"}`."""

    fare_fen: int

    @classmethod
    def parse(cls, rule: Fields) -> Self:
        """Raises DocumentError."""
        return cls(rule.fen("fare_fen"))

    def price(self, _ride: Ride) -> Price:
        """The fare."""
        return "flat", self.fare_fen, {}


@dataclass(frozen=True, slots=True)
class FreeFare:
    """Nobody pays: `{}`."""

    @classmethod
    def parse(cls, _rule: Fields) -> Self:
        """Nothing to read."""
        return cls()

    def price(self, _ride: Ride) -> Price:
        """Nothing."""
        return "free", 0, {}


@dataclass(frozen=True, slots=True)
class EnteredAmount:
    """The cashier enters the amount: `{"max_fen"}`."""

    max_fen: int

    @classmethod
    def parse(cls, rule: Fields) -> Self:
        """Raises DocumentError."""
        return cls(rule.fen("max_fen"))

    def check(self, amount_fen: int) -> int:
        """The amount itself; FareError when it is not between 1 fen and the limit."""
        if not 0 < amount_fen <= self.max_fen:
            raise FareError(f"an amount is from 1 to {self.max_fen} fen")
        return amount_fen

    def price(self, ride: Ride) -> Price:
        """What was entered. Raises FareError beyond the limit."""
        return "entered", self.check(ride.amount_fen), {}


@dataclass(frozen=True, slots=True)
class TimeFare:
    """A price for each begun step of time: `{"free_minutes", "step_minutes", "step_fen", "cap_fen"}`."""

    free_minutes: int
    step_minutes: int
    step_fen: int
    cap_fen: int

    @classmethod
    def parse(cls, rule: Fields) -> Self:
        """Raises DocumentError."""
        free, step = rule.minutes("free_minutes"), rule.minutes("step_minutes", least=1)
        return cls(free, step, rule.fen("step_fen"), rule.fen("cap_fen"))

    @property
    def max_fen(self) -> int:
        """What a stay without an end is held at: a whole day."""
        return self.cap_fen

    def fare_fen(self, entry: datetime, leaving: datetime) -> int:
        """The price of a stay; nothing within the free minutes, at most the cap for each begun 24 hours."""
        stay = leaving - entry
        if stay < timedelta(0):
            raise FareError("the exit lies before the entry")
        if stay <= timedelta(minutes=self.free_minutes):
            return 0
        days, rest = divmod(stay, _DAY)
        steps = -(-rest // timedelta(minutes=self.step_minutes))
        return days * self.cap_fen + min(steps * self.step_fen, self.cap_fen)

    def price(self, ride: Ride) -> Price:
        """The price of the stay. Raises FareError for a stay without an end: an incomplete trip's rule prices that."""
        if ride.end is None:
            raise FareError(f"stay {ride.id} has no end")
        minutes = -(-(ride.end - ride.start) // timedelta(minutes=1))
        return "time", self.fare_fen(ride.start, ride.end), {"minutes": minutes}
