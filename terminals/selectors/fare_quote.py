"""What a ride would cost: the public calculator. It prices as every charge is priced, by the published documents of the day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.utils import timezone
from django.utils.translation import gettext as _

from citizencard.core.calendar import SHANGHAI, shanghai
from citizencard.core.errors import InvalidField
from terminals.fares.book import Book
from terminals.fares.charge import Charge, Inputs, Previous
from terminals.fares.errors import FareError
from terminals.fares.fields import MAX_FARE_FEN, MAX_METRES
from terminals.fares.holder import Standing
from terminals.fares.pricing import caps_of, price_ride
from terminals.fares.rides import MAX_SECONDS, Ride
from terminals.selectors.fares import fare_book

ASKED: Final = (
    "tariff", "line", "entry", "leaving", "start", "end", "metres", "waiting_s", "amount_fen", "categories", "age",
    "after", "after_line", "after_at", "spent_fen",
)  # fmt: skip
"""What may be asked; only `tariff` has to be."""
MAX_TEXT: Final = 200
MAX_AGE: Final = 150
_RIDE: Final = "quote"
T = TypeVar("T")


def quote_fare(asked: Mapping[str, str], book: Book | None = None) -> Charge:
    """The charge of a ride as described; empty values are not said. Times are ISO 8601, China's where no offset is given.

    `start` is now where it is not said; `categories` are separated by commas; `after`, `after_line` and `after_at` are
    tariff, line and last tap of the ride before; `spent_fen` is what was charged in the time of each cap. Raises InvalidField.
    """
    said = {name: value.strip() for name, value in asked.items() if value.strip()}
    if unknown := sorted(said.keys() - set(ASKED)):
        raise InvalidField(unknown[0], _("is unknown"))
    if long := sorted(name for name, value in said.items() if len(value) > MAX_TEXT):
        raise InvalidField(long[0], _("is too long"))
    if "tariff" not in said:
        raise InvalidField("tariff", _("must be given"))
    book = book or fare_book()
    try:
        inputs = _inputs(said, book)
        return price_ride(inputs, book)
    except FareError as error:
        raise InvalidField("tariff", str(error)) from error


def _inputs(said: Mapping[str, str], book: Book) -> Inputs:
    start = _moment(said, "start") or shanghai(timezone.now())
    ride = Ride(
        id=_RIDE,
        tariff=said["tariff"],
        start=start,
        line=said.get("line", ""),
        end=_moment(said, "end"),
        entry=said.get("entry", ""),
        leaving=said.get("leaving", ""),
        metres=_whole(said, "metres", MAX_METRES) or 0,
        waiting_s=_whole(said, "waiting_s", MAX_SECONDS) or 0,
        amount_fen=_whole(said, "amount_fen", MAX_FARE_FEN) or 0,
    )
    categories = sorted({each.strip() for each in said.get("categories", "").split(",") if each.strip()})
    standing = Standing(_whole(said, "age", MAX_AGE), tuple(categories))
    spent = _whole(said, "spent_fen", MAX_FARE_FEN) or 0
    caps = caps_of(ride, standing.categories, book)
    return Inputs(ride, standing, _before(said, ride, book), {document.id: spent for document, _cap in caps})


def _before(said: Mapping[str, str], ride: Ride, book: Book) -> dict[str, Previous]:
    """The ride before, for each transfer rule that it is near enough for."""
    if "after" not in said:
        return {}
    when = _moment(said, "after_at") or ride.start
    return {
        document.id: Previous("before", said.get("after_line", ""), when)
        for document, rule in book.transfers(ride.day)
        if said["after"] in rule.from_tariffs
        and ride.tariff in rule.to_tariffs
        and when + rule.within >= ride.start
    }


def _moment(said: Mapping[str, str], name: str) -> datetime | None:
    found = _read(said, name, datetime.fromisoformat, _("is no time like 2026-03-02T08:30"))
    if found is None:
        return None
    if not timedelta(days=-36525) < found.replace(tzinfo=SHANGHAI) - timezone.now() < timedelta(days=36525):
        raise InvalidField(name, _("is no time like 2026-03-02T08:30"))
    return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)


def _whole(said: Mapping[str, str], name: str, most: int) -> int | None:
    rule = _("is no whole number from 0 to %(most)s") % {"most": most}
    found = _read(said, name, int, rule)
    if found is not None and not 0 <= found <= most:
        raise InvalidField(name, rule)
    return found


def _read(said: Mapping[str, str], name: str, parse: Callable[[str], T], rule: str) -> T | None:
    if name not in said:
        return None
    try:
        return parse(said[name])
    except ValueError as error:
        raise InvalidField(name, rule) from error
