"""A tariff's rule by its kind: what terminals fetch, and the body of a tariff document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from terminals.fares.errors import FareError
from terminals.fares.fields import Fields
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.kinds import EnteredAmount, FlatFare, FreeFare, TimeFare
from terminals.fares.metered import MeteredFare

TariffRule = FlatFare | FreeFare | EnteredAmount | TimeFare | PairFare | SectionFare | MeteredFare

KINDS: Final[dict[str, Callable[[Fields], TariffRule]]] = {
    "flat": FlatFare.parse,
    "section": SectionFare.parse,
    "pair": PairFare.parse,
    "time": TimeFare.parse,
    "metered": MeteredFare.parse,
    "entered": EnteredAmount.parse,
    "free": FreeFare.parse,
}


def parse_tariff(kind: str, rule: Mapping[str, Any]) -> TariffRule:
    """The tariff of a kind; FareError says what is wrong with the rule, DocumentError by field."""
    if kind not in KINDS:
        raise FareError(f"{kind!r} is no kind of fare: {', '.join(KINDS)}")
    return read_rule(kind, Fields(rule, "rule"))


def read_rule(kind: str, fields: Fields) -> TariffRule:
    """The same from a field reader. Raises DocumentError."""
    tariff = KINDS[kind](fields)
    fields.done()
    return tariff
