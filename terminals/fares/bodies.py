"""The rules beside the tariffs: transfer, concession, cap, incomplete trip, subsidy. Each names the tariffs it is for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Final, Self

from terminals.fares.fields import Fields
from terminals.fares.periods import Hours, Period
from terminals.fares.rides import Ride

MAX_AGE: Final = 150


@dataclass(frozen=True, slots=True)
class Transfer:
    """The next ride within some minutes is cheaper: `{"from_tariffs", "to_tariffs", "within_minutes", "same_line",
    "off_fen" | "pay_percent", "combines_with"?}`.

    The minutes count from the last tap of the ride before to the first of this one; N:00 is within, N:01 is not. The ride
    before is the latest on one of `from_tariffs`; `same_line` says whether it may have been on the same line.
    """

    from_tariffs: tuple[str, ...]
    to_tariffs: tuple[str, ...]
    within: timedelta
    same_line: bool
    off_fen: int
    pay_percent: int
    combines_with: tuple[str, ...]

    @classmethod
    def parse(cls, body: Fields) -> Self:
        """Raises DocumentError."""
        if body.has("off_fen") == body.has("pay_percent"):
            raise body.wrong("off_fen", "give either off_fen or pay_percent")
        return cls(
            from_tariffs=body.codes("from_tariffs"),
            to_tariffs=body.codes("to_tariffs"),
            within=timedelta(minutes=body.minutes("within_minutes", least=1)),
            same_line=body.flag("same_line"),
            off_fen=body.fen("off_fen", least=1) if body.has("off_fen") else 0,
            pay_percent=body.percent("pay_percent") if body.has("pay_percent") else 100,
            combines_with=body.codes("combines_with", empty=True),
        )

    def reduced(self, price_fen: int) -> int:
        """What is left of a price; broken fen are dropped, in favour of the passenger."""
        return max(price_fen * self.pay_percent // 100 - self.off_fen, 0)


@dataclass(frozen=True, slots=True)
class Concession:
    """Some people pay a part or nothing: `{"tariffs", "pay_percent", "categories"?, "age"?: {"from"?, "to"?},
    "excluded_lines"?, "hours"?: [{"from", "until"}], "combines_with"?}`.

    It holds for who has one of the categories on the day (any, when none is named) and whose age lies in the band, both
    ends included: `to` 64 ends on the day before the 65th birthday.
    """

    tariffs: tuple[str, ...]
    pay_percent: int
    categories: tuple[str, ...]
    age_from: int
    age_to: int
    by_age: bool
    excluded_lines: tuple[str, ...]
    hours: tuple[Hours, ...]
    combines_with: tuple[str, ...]

    @classmethod
    def parse(cls, body: Fields) -> Self:
        """Raises DocumentError; one that holds for everybody is a tariff, not a concession."""
        categories, by_age = body.codes("categories", empty=True), body.has("age")
        if not categories and not by_age:
            raise body.wrong("categories", "name categories, an age, or both")
        age_from, age_to = _band(body.object("age")) if by_age else (0, MAX_AGE)
        return cls(
            tariffs=body.codes("tariffs"),
            pay_percent=body.percent("pay_percent", most=99),
            categories=categories,
            age_from=age_from,
            age_to=age_to,
            by_age=by_age,
            excluded_lines=body.codes("excluded_lines", empty=True),
            hours=tuple(_hours(item) for item in body.objects("hours")) if body.has("hours") else (),
            combines_with=body.codes("combines_with", empty=True),
        )

    def covers(self, ride: Ride, age: int | None, categories: Collection[str]) -> bool:
        """Whether a ride of somebody of this age and categories on its day falls under it."""
        if ride.tariff not in self.tariffs or ride.line in self.excluded_lines:
            return False
        if self.hours and not any(hours.covers(ride.start.time()) for hours in self.hours):
            return False
        if self.by_age and (age is None or not self.age_from <= age <= self.age_to):
            return False
        return not self.categories or any(category in self.categories for category in categories)

    def reduced(self, price_fen: int) -> int:
        """What is left of a price; broken fen are dropped, in favour of the passenger."""
        return price_fen * self.pay_percent // 100


@dataclass(frozen=True, slots=True)
class Cap:
    """No more than this in a day, week or month: `{"tariffs", "period", "starts", "limit_fen", "categories"?}`.

    It counts what is really charged, after every discount. `starts` is when a day begins (`04:00`); a cap with categories
    holds for who has one of them.
    """

    tariffs: tuple[str, ...]
    period: Period
    starts: time
    limit_fen: int
    categories: tuple[str, ...]

    @classmethod
    def parse(cls, body: Fields) -> Self:
        """Raises DocumentError."""
        return cls(
            tariffs=body.codes("tariffs"),
            period=body.choice("period", {period.value: period for period in Period}),
            starts=body.clock("starts"),
            limit_fen=body.fen("limit_fen"),
            categories=body.codes("categories", empty=True),
        )

    def covers(self, ride: Ride, categories: Collection[str]) -> bool:
        """Whether a ride counts to it."""
        held = not self.categories or any(category in self.categories for category in categories)
        return held and ride.tariff in self.tariffs


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A journey with one tap only: `{"tariffs", "infer_minutes", "claim_days", "claims_per_half_year", "claims_per_stop"}`.

    It is held at the tariff's highest fare; completed by the card's next entry (or last exit) at another stop of the same
    tariff within `infer_minutes`; or by what the passenger says within `claim_days`, so often per half-year, and so often
    for one and the same stop: who always forgets the same gate is not forgetful.
    """

    tariffs: tuple[str, ...]
    infer: timedelta
    claim_days: int
    claims_per_half_year: int
    claims_per_stop: int

    @classmethod
    def parse(cls, body: Fields) -> Self:
        """Raises DocumentError."""
        return cls(
            tariffs=body.codes("tariffs"),
            infer=timedelta(minutes=body.minutes("infer_minutes")),
            claim_days=body.whole("claim_days", 0, 366, "number of days"),
            claims_per_half_year=body.whole("claims_per_half_year", 0, 100),
            claims_per_stop=body.whole("claims_per_stop", 0, 100),
        )


@dataclass(frozen=True, slots=True)
class Subsidy:
    """Who pays what a rule gave away: `{"rules", "payers": [{"payer", "weight"}]}`, in proportion to the weights."""

    rules: tuple[str, ...]
    payers: tuple[tuple[str, int], ...]

    @classmethod
    def parse(cls, body: Fields) -> Self:
        """Raises DocumentError."""
        payers = []
        for item in body.objects("payers"):
            payers.append((item.code("payer"), item.whole("weight", 1, 1_000_000, "weight")))
            item.done()
        if len({payer for payer, _ in payers}) < len(payers):
            raise body.wrong("payers", "must name each payer once")
        return cls(body.codes("rules"), tuple(payers))


def _band(band: Fields) -> tuple[int, int]:
    least = band.whole("from", 0, MAX_AGE, "number of years") if band.has("from") else 0
    most = band.whole("to", least, MAX_AGE, "number of years") if band.has("to") else MAX_AGE
    band.done()
    return least, most


def _hours(item: Fields) -> Hours:
    hours = Hours.parse(item)
    item.done()
    return hours
