"""Fares from a GTFS feed: the network, and documents ready to be published. What cannot be fares here is refused."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from terminals.fares.errors import GtfsError
from terminals.fares.gtfs import TARIFF_NETWORK, Line, Network, Stop, Table, Tables, cell, rows_of
from terminals.fares.gtfs_export import FARE_AND_DISCOUNT_AND_FARE

_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,6})(?:\.([0-9]{2}))?")
_SECTION: Final = re.compile(r".*\.section\.([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Head:
    """What GTFS does not tell of a document."""

    version: int
    valid_from: date
    legal_basis: str

    def document(self, sort: str, rule: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """A document's JSON."""
        return {
            "document": sort,
            "id": rule,
            "version": self.version,
            "valid_from": self.valid_from.isoformat(),
            "name": {"zh-Hans": name},
            "legal_basis": self.legal_basis,
            "body": body,
        }


def import_feed(tables: Tables, head: Head) -> tuple[Network, list[dict[str, Any]]]:
    """The network and its tariffs and transfer rules, by id. Raises GtfsError naming the table."""
    products = {
        cell("fare_products.txt", row, "fare_product_id"): row for row in rows_of(tables, "fare_products.txt")
    }
    legs: dict[str, Table] = defaultdict(list)
    for row in rows_of(tables, "fare_leg_rules.txt"):
        legs[cell("fare_leg_rules.txt", row, "network_id")].append(dict(row))
    documents, tariff_of = {}, {}
    names = {
        row.get("network_id", ""): row.get("network_name", "") for row in rows_of(tables, "networks.txt")
    }
    for group, rules in legs.items():
        tariff, name, rule = _tariff(tables, group, names.get(group, ""), rules, products)
        tariff_of[group] = tariff
        documents[tariff] = head.document("tariff", tariff, name or tariff, rule)
    for rule_id, transfer in _transfers(tables, legs, tariff_of, products).items():
        name = products[rule_id].get("fare_product_name", "") or rule_id
        documents[rule_id] = head.document("transfer", rule_id, name, transfer)
    return _network(tables, tariff_of), [documents[rule] for rule in sorted(documents)]


def _tariff(
    tables: Tables, group: str, name: str, rules: Table, products: Mapping[str, Mapping[str, str]]
) -> tuple[str, str, dict[str, Any]]:
    """Id, name and body of a network's tariff."""
    default = [row for row in rules if not (row.get("from_area_id") or row.get("to_area_id"))]
    paired = [row for row in rules if row not in default]
    if not paired:
        if len(default) != 1:
            raise GtfsError("fare_leg_rules.txt", f"network {group} has more than one price")
        product = cell("fare_leg_rules.txt", default[0], "fare_product_id")
        fen = _fen(products, product)
        return (
            product,
            name,
            {"kind": "flat", "rule": {"fare_fen": fen}} if fen else {"kind": "free", "rule": {}},
        )
    fares: dict[tuple[str, str], int] = {}
    for row in paired:
        ends = cell("fare_leg_rules.txt", row, "from_area_id"), cell("fare_leg_rules.txt", row, "to_area_id")
        fen = _fen(products, cell("fare_leg_rules.txt", row, "fare_product_id"))
        if fares.setdefault(ends, fen) != fen:
            raise GtfsError("fare_leg_rules.txt", f"{ends[0]} to {ends[1]} has two prices")
    if wrong := [ends for ends, fen in fares.items() if fares.get(ends[::-1], fen) != fen]:
        raise GtfsError("fare_leg_rules.txt", f"{wrong[0][0]} to {wrong[0][1]} costs otherwise than back")
    highest = _fen(products, default[0]["fare_product_id"]) if default else max(fares.values())
    return group.removeprefix(TARIFF_NETWORK), name, _by_stops(tables, fares, highest)


def _by_stops(tables: Tables, fares: Mapping[tuple[str, str], int], highest: int) -> dict[str, Any]:
    """The fare by sections where the areas are numbered so, else by pair of stops."""
    used = {area for ends in fares for area in ends}
    areas = [row for row in rows_of(tables, "stop_areas.txt") if row.get("area_id") in used]
    numbers = {area: int(found[1]) for area in used if (found := _SECTION.fullmatch(area))}
    if len(numbers) == len(used):
        prices = {abs(numbers[a] - numbers[b]): fen for (a, b), fen in sorted(fares.items())}
        sections = {row["stop_id"]: numbers[row["area_id"]] for row in areas}
        return {
            "kind": "section",
            "rule": {"sections": sections, "fares_fen": _prices(prices, numbers, fares)},
        }
    names = {row["stop_id"]: row.get("stop_name", "") for row in rows_of(tables, "stops.txt")}
    stops = {area: [row["stop_id"] for row in areas if row["area_id"] == area] for area in used}
    pairs = {
        "-".join(sorted((a, b))): fen
        for (entry, leaving), fen in fares.items()
        for a in stops[entry]
        for b in stops[leaving]
    }
    stations = {row["stop_id"]: names.get(row["stop_id"]) or row["stop_id"] for row in areas}
    return {"kind": "pair", "rule": {"stations": stations, "fares": pairs, "max_fen": highest}}


def _prices(
    prices: Mapping[int, int], numbers: Mapping[str, int], fares: Mapping[tuple[str, str], int]
) -> list[int]:
    """The prices by sections touched, without the last ones that only repeat. Raises GtfsError where they do not hang together."""
    if any(fen != prices[abs(numbers[a] - numbers[b])] for (a, b), fen in fares.items()):
        raise GtfsError("fare_leg_rules.txt", "rides over as many sections differ in price")
    if sorted(prices) != list(range(len(prices))):
        raise GtfsError("fare_leg_rules.txt", "a number of sections has no price")
    listed = [prices[number] for number in sorted(prices)]
    while len(listed) > 1 and listed[-1] == listed[-2]:
        listed.pop()
    return listed


def _transfers(
    tables: Tables,
    legs: Mapping[str, Table],
    tariff_of: Mapping[str, str],
    products: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, Any]]:
    file = "fare_transfer_rules.txt"
    groups = {row.get("leg_group_id", ""): network for network, rows in legs.items() for row in rows}
    found: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for row in rows_of(tables, file):
        if row.get("fare_transfer_type") != FARE_AND_DISCOUNT_AND_FARE:
            raise GtfsError(file, "only both fares with a discount between them can be read (type 1)")
        ends = groups.get(row.get("from_leg_group_id", "")), groups.get(row.get("to_leg_group_id", ""))
        if ends[0] is None or ends[1] is None:
            raise GtfsError(file, "a leg group is unknown")
        found[cell(file, row, "fare_product_id"), cell(file, row, "duration_limit")].add((ends[0], ends[1]))
    if len({product for product, _ in found}) < len(found):
        raise GtfsError(file, "one discount has two time limits")
    return {
        product: _transfer(pairs, seconds, _fen(products, product), tariff_of)
        for (product, seconds), pairs in found.items()
    }


def _transfer(
    pairs: set[tuple[str, str]], seconds: str, fen: int, tariff_of: Mapping[str, str]
) -> dict[str, Any]:
    file = "fare_transfer_rules.txt"
    if not seconds.isdigit() or int(seconds) % 60 or fen >= 0:
        raise GtfsError(file, "a discount is less than nothing and its limit whole minutes")
    begins = {tariff_of[entry] for entry, _ in pairs}
    ends = {tariff_of[leaving] for _, leaving in pairs}
    every = {(a, b) for a in tariff_of for b in tariff_of if tariff_of[a] in begins and tariff_of[b] in ends}
    if pairs not in (every, {(a, b) for a, b in every if a != b}):
        raise GtfsError(file, "a discount must hold between all lines of its tariffs, or all but the same")
    return {
        "from_tariffs": sorted(begins),
        "to_tariffs": sorted(ends),
        "within_minutes": int(seconds) // 60,
        "same_line": any(a == b for a, b in pairs),
        "off_fen": -fen,
    }


def _network(tables: Tables, tariff_of: Mapping[str, str]) -> Network:
    agency = next(iter(rows_of(tables, "agency.txt")), {})
    group_of = {
        row.get("route_id", ""): row.get("network_id", "") for row in rows_of(tables, "route_networks.txt")
    }
    trips: dict[str, str] = {}
    for row in rows_of(tables, "trips.txt"):
        trips.setdefault(cell("trips.txt", row, "route_id"), cell("trips.txt", row, "trip_id"))
    times: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in rows_of(tables, "stop_times.txt"):
        place = cell("stop_times.txt", row, "stop_sequence")
        if not place.isdigit():
            raise GtfsError("stop_times.txt", f"{place!r} is no place in a row")
        times[cell("stop_times.txt", row, "trip_id")].append(
            (int(place), cell("stop_times.txt", row, "stop_id"))
        )
    lines = []
    for row in rows_of(tables, "routes.txt"):
        code, mode = cell("routes.txt", row, "route_id"), cell("routes.txt", row, "route_type")
        if group_of.get(code) not in tariff_of or not mode.isdigit():
            raise GtfsError("routes.txt", f"route {code} has no fare or no type")
        stops = tuple(stop for _, stop in sorted(times[trips.get(code, "")]))
        name = row.get("route_short_name") or row.get("route_long_name") or code
        lines.append(Line(code, name, int(mode), tariff_of[group_of[code]], stops))
    stops_read = tuple(
        Stop(
            cell("stops.txt", row, "stop_id"),
            row.get("stop_name", ""),
            row.get("stop_lat", ""),
            row.get("stop_lon", ""),
        )
        for row in rows_of(tables, "stops.txt")
    )
    return Network(agency.get("agency_name", ""), agency.get("agency_url", ""), stops_read, tuple(lines))


def _fen(products: Mapping[str, Mapping[str, str]], product: str) -> int:
    row = products.get(product)
    if row is None or row.get("currency") != "CNY":
        raise GtfsError("fare_products.txt", f"product {product} is missing or not in yuan")
    found = _AMOUNT.fullmatch(row.get("amount", ""))
    if found is None:
        raise GtfsError("fare_products.txt", f"product {product} has no amount")
    fen = int(found[2]) * 100 + int(found[3] or 0)
    return -fen if found[1] else fen
