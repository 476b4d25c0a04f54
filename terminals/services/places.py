"""Where terminals stand, as planners tell it: stops, lines, routes and places, found again by their codes.

Bringing the same code again updates what it names: names, zones and distances change, codes do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import Conflict, InvalidField
from terminals.counties import checked_county
from terminals.models import Line, Merchant, Place, Route, RouteStop, Stop


def save_stop(
    *, code: str, name: str, zone: str = "", latitude: Decimal | None = None, longitude: Decimal | None = None
) -> Stop:
    """A stop; coordinates are WGS 84 degrees, both or none. Raises InvalidField."""
    for field, value, limit in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if value is not None and not -limit <= value <= limit:
            raise InvalidField(field, str(value))
    if (latitude is None) != (longitude is None):
        raise InvalidField("longitude", _("both coordinates, or none"))
    values = {"name": name, "zone": zone, "latitude": latitude, "longitude": longitude}
    return Stop.objects.update_or_create(code=code, defaults=values)[0]


def save_line(*, code: str, name: str, merchant: Merchant, tariff_code: str = "") -> Line:
    """A line of the merchant; without `tariff_code` the one it has stays. Raises Conflict: the code is another merchant's."""
    values = {"name": name} | ({"tariff_code": tariff_code} if tariff_code else {})
    line, new = Line.objects.get_or_create(code=code, defaults={"merchant": merchant, **values})
    if line.merchant_id != merchant.pk:
        raise Conflict(what=code)
    if not new:
        Line.objects.filter(pk=line.pk).update(**values)
        line.refresh_from_db()
    return line


@dataclass(frozen=True, slots=True)
class Call:
    """A stop of a route and the metres driven from the route's first stop."""

    stop: Stop
    distance_m: int


@transaction.atomic
def save_route(*, code: str, name: str, line: Line, calls: Sequence[Call]) -> Route:
    """A route with all its stops in order. Raises InvalidField when a stop is nearer than the one before it."""
    distances = [call.distance_m for call in calls]
    if len(calls) < 2 or distances[0] != 0 or distances != sorted(distances):
        raise InvalidField("calls", _("two stops or more, from 0 metres on, none nearer than the one before"))
    route, _new = Route.objects.get_or_create(code=code, defaults={"name": name, "line": line})
    if route.line_id != line.pk:
        raise Conflict(what=code)
    route.name = name
    route.save(update_fields=["name"])
    route.calls.all().delete()
    RouteStop.objects.bulk_create(
        RouteStop(route=route, rank=rank, stop=call.stop, distance_m=call.distance_m)
        for rank, call in enumerate(calls, start=1)
    )
    return route


def save_place(
    *,
    code: str,
    name: str,
    kind: str,
    merchant: Merchant,
    line: Line | None = None,
    stop: Stop | None = None,
    county: str = "",
) -> Place:
    """A vehicle (of `line`, if it keeps to one), a gate at `stop`, a shop or a car park of the merchant.

    Raises InvalidField when line or stop are not for its kind, or `county` is none; Conflict when the code is another merchant's.
    """
    if kind not in Place.Kind.values:
        raise InvalidField("kind", kind)
    if line is not None and (kind != Place.Kind.VEHICLE or line.merchant_id != merchant.pk):
        raise InvalidField("line", _("only a vehicle of its operator runs on a line"))
    if (stop is not None) != (kind == Place.Kind.GATE):
        raise InvalidField("stop", _("a gate stands at a stop, and nothing else does"))
    values = {"name": name, "kind": kind, "line": line, "stop": stop, "county": checked_county(county)}
    place, new = Place.objects.get_or_create(code=code, defaults={**values, "merchant": merchant})
    if place.merchant_id != merchant.pk:
        raise Conflict(what=code)
    if not new:
        Place.objects.filter(pk=place.pk).update(**values)
        place.refresh_from_db()
    return place
