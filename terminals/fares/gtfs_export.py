"""Fares as GTFS: what is left out here is refused, never dropped in silence.

Each line of a one-price tariff is a network and leg group of its own, so that "not on the same line" can be said; a tariff
by stops is one network with an area per stop or section. The leg rule without areas tells what an unknown stop costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from terminals.fares.bodies import Transfer
from terminals.fares.documents import Document
from terminals.fares.errors import GtfsCannotSay
from terminals.fares.gtfs import LINE_NETWORK, TARIFF_NETWORK, Line, Network, Table
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.kinds import FlatFare, FreeFare

DEPARTURE_TO_DEPARTURE: Final = "1"
ARRIVAL_TO_DEPARTURE: Final = "2"
FARE_AND_DISCOUNT_AND_FARE: Final = "1"


def export_feed(network: Network, documents: Iterable[Document], first: date, last: date) -> dict[str, Table]:
    """The tables of a feed in force from `first` to `last`. Raises GtfsCannotSay, naming what GTFS has no words for."""
    by_id = {document.id: document for document in documents}
    if unpublished := sorted({line.tariff for line in network.lines} - by_id.keys()):
        raise GtfsCannotSay(f"lines of a tariff that is not given: {unpublished[0]}")
    tables = _service(network, first, last)
    for document in by_id.values():
        if isinstance(document.body, Transfer):
            _write_transfer(tables, network, by_id, document, document.body)
        else:
            _write_tariff(tables, network, document)
    return tables


def group_of(line: Line, document: Document) -> str:
    """The network and leg group of a line."""
    by_stops = isinstance(document.body, PairFare | SectionFare)
    return TARIFF_NETWORK + line.tariff if by_stops else LINE_NETWORK + line.code


def _service(network: Network, first: date, last: date) -> dict[str, Table]:
    """Lines and stops; one pattern trip a line carries the order of stops, its times being approximate (`timepoint` 0)."""
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    dates = {"start_date": f"{first:%Y%m%d}", "end_date": f"{last:%Y%m%d}"}
    lines = network.lines
    return {
        "agency.txt": [
            {
                "agency_id": "1",
                "agency_name": network.operator,
                "agency_url": network.url,
                "agency_timezone": "Asia/Shanghai",
                "agency_lang": "zh",
            }
        ],
        "feed_info.txt": [
            {
                "feed_publisher_name": network.operator,
                "feed_publisher_url": network.url,
                "feed_lang": "zh",
                "feed_start_date": dates["start_date"],
                "feed_end_date": dates["end_date"],
            }
        ],
        "stops.txt": [
            {
                "stop_id": stop.code,
                "stop_name": stop.name,
                "stop_lat": stop.latitude,
                "stop_lon": stop.longitude,
            }
            for stop in network.stops
        ],
        "routes.txt": [
            {
                "route_id": line.code,
                "agency_id": "1",
                "route_short_name": line.name,
                "route_type": str(line.route_type),
            }
            for line in lines
        ],
        "calendar.txt": [{"service_id": "all"} | dict.fromkeys(days, "1") | dates],
        "trips.txt": [{"route_id": line.code, "service_id": "all", "trip_id": line.code} for line in lines],
        "stop_times.txt": [row for line in lines for row in _pattern(line)],
        "networks.txt": [],
        "route_networks.txt": [],
        "areas.txt": [],
        "stop_areas.txt": [],
        "fare_products.txt": [],
        "fare_leg_rules.txt": [],
        "fare_transfer_rules.txt": [],
    }


def _pattern(line: Line) -> Iterator[dict[str, str]]:
    for place, stop in enumerate(line.stops):
        clock = f"{timedelta(hours=6, minutes=2 * place)!s:0>8}"
        yield {
            "trip_id": line.code,
            "arrival_time": clock,
            "departure_time": clock,
            "stop_id": stop,
            "stop_sequence": str(place + 1),
            "timepoint": "0",
        }


def _write_tariff(tables: dict[str, Table], network: Network, document: Document) -> None:
    lines = [line for line in network.lines if line.tariff == document.id]
    groups = sorted({group_of(line, document) for line in lines})
    name = document.name.get("zh-Hans", next(iter(document.name.values())))
    tables["networks.txt"] += [{"network_id": group, "network_name": name} for group in groups]
    tables["route_networks.txt"] += [
        {"network_id": group_of(line, document), "route_id": line.code} for line in lines
    ]
    match document.body:
        case FlatFare(fare_fen) if fare_fen:
            _one_price(tables, document.id, name, fare_fen, groups)
        case FreeFare():
            _one_price(tables, document.id, name, 0, groups)
        case PairFare():
            areas = {stop: f"{document.id}.stop.{stop}" for stop in document.body.stations}
            fares = {(areas[a], areas[b]): fen for a, b, fen in _both_ways(document.body)}
            _by_areas(tables, network, document, areas, fares, document.body.max_fen)
        case SectionFare():
            body = document.body
            areas = {stop: f"{document.id}.section.{number}" for stop, number in body.sections.items()}
            fares = {(areas[a], areas[b]): body.fare_fen(a, b) for a in areas for b in areas}
            _by_areas(tables, network, document, areas, fares, body.max_fen)
        case _:
            raise GtfsCannotSay(f"{document.sort} {document.id}")


def _both_ways(fare: PairFare) -> Iterator[tuple[str, str, int]]:
    for pair, fen in fare.fares.items():
        ends = sorted(pair)
        yield ends[0], ends[-1], fen
        yield ends[-1], ends[0], fen


def _one_price(tables: dict[str, Table], product: str, name: str, fen: int, groups: list[str]) -> None:
    tables["fare_products.txt"].append(_product(product, name, fen))
    tables["fare_leg_rules.txt"] += [_leg(group, "", "", product) for group in groups]


def _by_areas(
    tables: dict[str, Table],
    network: Network,
    document: Document,
    areas: dict[str, str],
    fares: dict[tuple[str, str], int],
    max_fen: int,
) -> None:
    if missing := sorted(areas.keys() - {stop.code for stop in network.stops}):
        raise GtfsCannotSay(f"stop {missing[0]} of {document.id}, which the network does not have")
    group = TARIFF_NETWORK + document.id
    tables["areas.txt"] += [{"area_id": area, "area_name": area} for area in sorted(set(areas.values()))]
    tables["stop_areas.txt"] += [{"area_id": area, "stop_id": stop} for stop, area in areas.items()]
    for fen in sorted({*fares.values(), max_fen}):
        tables["fare_products.txt"].append(
            _product(f"{document.id}.{fen}", f"{document.id} {_yuan(fen)}", fen)
        )
    tables["fare_leg_rules.txt"] += [
        _leg(group, entry, leaving, f"{document.id}.{fen}") for (entry, leaving), fen in sorted(fares.items())
    ]
    tables["fare_leg_rules.txt"].append(_leg(group, "", "", f"{document.id}.{max_fen}"))


def _write_transfer(
    tables: dict[str, Table], network: Network, by_id: dict[str, Document], document: Document, rule: Transfer
) -> None:
    if not rule.off_fen or rule.combines_with:
        raise GtfsCannotSay(f"transfer {document.id}: a percentage, or what it combines with")
    pairs = [
        (group_of(a, by_id[a.tariff]), group_of(b, by_id[b.tariff]), a.tariff)
        for a in network.lines
        for b in network.lines
        if a.tariff in rule.from_tariffs
        and b.tariff in rule.to_tariffs
        and (rule.same_line or a.code != b.code)
    ]
    if not rule.same_line and any(a == b for a, b, _ in pairs):
        raise GtfsCannotSay(f"transfer {document.id}: lines of one tariff by stops that are told apart")
    name = document.name.get("zh-Hans", next(iter(document.name.values())))
    tables["fare_products.txt"].append(_product(document.id, name, -rule.off_fen))
    for entry, leaving, tariff in sorted(set(pairs)):
        two_taps = isinstance(by_id[tariff].body, PairFare | SectionFare)
        tables["fare_transfer_rules.txt"].append(
            {
                "from_leg_group_id": entry,
                "to_leg_group_id": leaving,
                "transfer_count": "-1" if entry == leaving else "",
                "duration_limit": str(int(rule.within.total_seconds())),
                "duration_limit_type": ARRIVAL_TO_DEPARTURE if two_taps else DEPARTURE_TO_DEPARTURE,
                "fare_transfer_type": FARE_AND_DISCOUNT_AND_FARE,
                "fare_product_id": document.id,
            }
        )


def _product(product: str, name: str, fen: int) -> dict[str, str]:
    return {"fare_product_id": product, "fare_product_name": name, "amount": _yuan(fen), "currency": "CNY"}


def _leg(group: str, entry: str, leaving: str, product: str) -> dict[str, str]:
    return {
        "leg_group_id": group,
        "network_id": group,
        "from_area_id": entry,
        "to_area_id": leaving,
        "fare_product_id": product,
    }


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
