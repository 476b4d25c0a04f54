"""A GTFS feed comes in: stops and lines are kept, its fares proposed, all or nothing."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, InvalidOperation

from django.db import transaction

from citizencard.core.errors import InvalidField
from terminals.fares.gtfs import Network, unpack
from terminals.fares.gtfs_import import Head, import_feed
from terminals.models import FareProposal, Merchant, Stop
from terminals.services.fares import propose_fares
from terminals.services.places import Call, save_line, save_route, save_stop

_EARTH_M = 6_371_009
"""The earth's mean radius in metres."""


@transaction.atomic
def import_gtfs(
    *, packed: bytes, head: Head, merchant: Merchant, maker: str, reason: str = ""
) -> FareProposal:
    """Keep the feed's stops and the merchant's lines, and propose its fares.

    Raises GtfsError naming the table, InvalidField, Conflict (a line of another merchant), FaresRefused.
    """
    network, documents = import_feed(unpack(packed), head)
    _keep(network, merchant)
    return propose_fares(documents=documents, maker=maker, reason=reason)


def _keep(network: Network, merchant: Merchant) -> None:
    stops = {
        stop.code: save_stop(
            code=stop.code,
            name=stop.name,
            latitude=_degrees(stop.code, stop.latitude),
            longitude=_degrees(stop.code, stop.longitude),
        )
        for stop in network.stops
    }
    for each in network.lines:
        line = save_line(code=each.code, name=each.name, merchant=merchant, tariff_code=each.tariff)
        calls = [stops[code] for code in each.stops]
        if len(calls) > 1:
            save_route(code=f"{each.code}-0", name=each.name, line=line, calls=_driven(calls))


def _degrees(stop: str, written: str) -> Decimal:
    try:
        return Decimal(written).quantize(Decimal("0.000001"))
    except InvalidOperation as error:
        raise InvalidField(f"stops.txt {stop}", written) from error


def _driven(stops: list[Stop]) -> list[Call]:
    """Stops with the metres from the first one as the crow flies: a feed's pattern does not tell the road."""
    calls, metres = [Call(stops[0], 0)], 0.0
    for before, stop in itertools.pairwise(stops):
        metres += _apart_m(before, stop)
        calls.append(Call(stop, round(metres)))
    return calls


def _apart_m(one: Stop, other: Stop) -> float:
    """Haversine distance in metres."""
    lat1, lon1, lat2, lon2 = (
        math.radians(degrees or 0)
        for degrees in (one.latitude, one.longitude, other.latitude, other.longitude)
    )
    half = (
        math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * _EARTH_M * math.asin(math.sqrt(half))
