"""The taxi: flag fall, distance, waiting, night and fuel surcharges, and how the meter rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from terminals.fares.fields import Fields
from terminals.fares.kinds import Price
from terminals.fares.periods import Hours
from terminals.fares.rides import Ride

UP: Final = "up"
HALF_UP: Final = "half_up"
DOWN: Final = "down"


@dataclass(frozen=True, slots=True)
class Stretch:
    """From a distance on, each begun step costs a price."""

    from_m: int
    step_m: int
    step_fen: int


@dataclass(frozen=True, slots=True)
class MeteredFare:
    """`{"flag_fall_fen", "flag_fall_m", "stretches": [{"from_m", "step_m", "step_fen"}], "waiting": {"free_s", "step_s",
    "step_fen"}, "night": {"from", "until", "percent"}, "fuel_fen", "rounding": {"unit_fen", "mode"}}`; night may be missing.

    Night is judged by the beginning of the ride and raises flag fall and distance; the sum is rounded once, at the end.
    """

    flag_fall_fen: int
    stretches: tuple[Stretch, ...]
    waiting_free_s: int
    waiting_step_s: int
    waiting_step_fen: int
    night: Hours | None
    night_percent: int
    fuel_fen: int
    unit_fen: int
    mode: str

    @classmethod
    def parse(cls, rule: Fields) -> Self:
        """Raises DocumentError."""
        flag_fall, covered = rule.fen("flag_fall_fen"), rule.metres("flag_fall_m")
        stretches = tuple(_stretch(item) for item in rule.objects("stretches"))
        starts = [stretch.from_m for stretch in stretches]
        if starts != sorted(set(starts)) or starts[0] != covered:
            raise rule.wrong(
                "stretches", "the first begins where the flag fall ends, each later one farther on"
            )
        waiting, rounding = rule.object("waiting"), rule.object("rounding")
        night, percent = _night(rule.object("night")) if rule.has("night") else (None, 0)
        fare = cls(
            flag_fall_fen=flag_fall,
            stretches=stretches,
            waiting_free_s=waiting.whole("free_s", 0, 86_400),
            waiting_step_s=waiting.whole("step_s", 1, 86_400),
            waiting_step_fen=waiting.fen("step_fen"),
            night=night,
            night_percent=percent,
            fuel_fen=rule.fen("fuel_fen"),
            unit_fen=rounding.fen("unit_fen", least=1),
            mode=rounding.choice("mode", {mode: mode for mode in (UP, HALF_UP, DOWN)}),
        )
        waiting.done()
        rounding.done()
        return fare

    def price(self, ride: Ride) -> Price:
        """What the meter shows at the end."""
        distance = self.flag_fall_fen + self._distance_fen(ride.metres)
        night = self._night_fen(distance, ride)
        waiting = self._waiting_fen(ride.waiting_s)
        total = self._rounded(distance + night + waiting + self.fuel_fen)
        values = {"metres": ride.metres, "distance_fen": distance, "night_fen": night, "waiting_fen": waiting}
        return "metered", total, values | {"fuel_fen": self.fuel_fen}

    def _distance_fen(self, metres: int) -> int:
        """Each stretch counts its own begun steps, up to where the next one begins."""
        ends = [stretch.from_m for stretch in self.stretches[1:]] + [metres]
        ridden = [
            (stretch, min(metres, end) - stretch.from_m)
            for stretch, end in zip(self.stretches, ends, strict=True)
        ]
        return sum(
            -(-length // stretch.step_m) * stretch.step_fen for stretch, length in ridden if length > 0
        )

    def _night_fen(self, distance_fen: int, ride: Ride) -> int:
        """The surcharge, broken fen dropped."""
        if self.night is None or not self.night.covers(ride.start.time()):
            return 0
        return distance_fen * self.night_percent // 100

    def _waiting_fen(self, seconds: int) -> int:
        """Begun steps beyond the free time."""
        steps = -(-max(seconds - self.waiting_free_s, 0) // self.waiting_step_s)
        return steps * self.waiting_step_fen

    def _rounded(self, total_fen: int) -> int:
        """To the meter's unit."""
        add = {UP: self.unit_fen - 1, HALF_UP: self.unit_fen // 2, DOWN: 0}[self.mode]
        return (total_fen + add) // self.unit_fen * self.unit_fen


def _stretch(item: Fields) -> Stretch:
    stretch = Stretch(item.metres("from_m"), item.metres("step_m", least=1), item.fen("step_fen"))
    item.done()
    return stretch


def _night(item: Fields) -> tuple[Hours, int]:
    night, percent = Hours.parse(item), item.percent("percent")
    item.done()
    return night, percent
