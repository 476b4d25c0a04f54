"""Lines, stops and fares as planners' tools take them: a GTFS feed of one day, and what no feed can say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from terminals.fares.bodies import Transfer
from terminals.fares.documents import Document
from terminals.fares.errors import GtfsCannotSay
from terminals.fares.gtfs import Line, Network, Stop, Table
from terminals.fares.gtfs_export import export_feed
from terminals.models import Channel, FareDocument, RouteStop
from terminals.models import Line as CityLine
from terminals.models import Stop as CityStop
from terminals.selectors.fares import fare_book

ROUTE_TYPES: Final = {Channel.METRO: 1, Channel.BUS: 3}
"""GTFS's route type by the merchant's channel; anything else is a bus."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The tables of a feed, and the documents of the day that GTFS has no words for, each with what it cannot say."""

    tables: dict[str, Table]
    left_out: tuple[str, ...]


def fare_feed(*, operator: str, url: str, first: date, last: date) -> Feed:
    """The feed of the documents that hold on `first`. Raises GtfsCannotSay where a line or its tariff cannot be told at all."""
    network = fare_network(operator=operator, url=url)
    book = fare_book()
    used = {line.tariff for line in network.lines}
    tariffs = [item for item in book.in_force(FareDocument.Sort.TARIFF, first) if item.id in used]
    said, left_out = list(tariffs), []
    for document in (item for sort in FareDocument.Sort.values for item in book.in_force(sort, first)):
        if document.id in used:
            continue
        if refusal := _refusal(network, tariffs, document, first, last):
            left_out.append(refusal)
        else:
            said.append(document)
    return Feed(export_feed(network, said, first, last), tuple(left_out))


def fare_network(*, operator: str, url: str) -> Network:
    """The lines that have a tariff and stops, and all their stops. Raises GtfsCannotSay for a stop without a place on earth."""
    calls: dict[int, list[RouteStop]] = {}
    for call in RouteStop.objects.select_related("stop", "route").order_by("route__code", "rank"):
        of_line = calls.setdefault(call.route.line_id, [])
        if not of_line or of_line[0].route_id == call.route_id:
            of_line.append(call)
    lines = [
        Line(
            line.code,
            line.name,
            ROUTE_TYPES.get(Channel(line.merchant.channel), ROUTE_TYPES[Channel.BUS]),
            line.tariff_code,
            tuple(call.stop.code for call in calls[line.pk]),
        )
        for line in CityLine.objects.exclude(tariff_code="").select_related("merchant").order_by("code")
        if line.pk in calls
    ]
    called = {call.stop.code: call.stop for line in calls.values() for call in line}
    return Network(operator, url, tuple(_stop(called[code]) for code in sorted(called)), tuple(lines))


def _stop(stop: CityStop) -> Stop:
    if stop.latitude is None or stop.longitude is None:
        raise GtfsCannotSay(f"where stop {stop.code} is: it has no coordinates")
    return Stop(stop.code, stop.name, str(stop.latitude), str(stop.longitude))


def _refusal(
    network: Network, tariffs: Sequence[Document], document: Document, first: date, last: date
) -> str | None:
    """Why a document cannot stand in the feed; None where it can."""
    if isinstance(document.body, Transfer) or document.sort != FareDocument.Sort.TARIFF:
        try:
            export_feed(network, [*tariffs, document], first, last)
        except GtfsCannotSay as refusal:
            return refusal.what
        return None
    return f"tariff {document.id}: no line has it"
