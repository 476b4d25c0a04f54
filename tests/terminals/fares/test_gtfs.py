"""A feed goes out and comes back the same, and what GTFS cannot say is refused by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from terminals.fares.documents import Document
from terminals.fares.errors import GtfsCannotSay, GtfsError
from terminals.fares.gtfs import Line, Network, Stop, pack, unpack
from terminals.fares.gtfs_export import export_feed
from terminals.fares.gtfs_import import Head, import_feed
from tests.terminals.fares.shelf import PUBLISHED

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
HEAD = Head(1, FIRST, "Sample; Urban Public Transport Regulations, article 14")
NAMES = {"0101": "东海", "0102": "宝洲", "0103": "西湖", "0104": "清源山"} | {
    f"R{n}": f"村{n}" for n in range(1, 9)
}
NETWORK = Network(
    "泉州公交",
    "https://example.org/",
    tuple(Stop(code, name, "24.9000", "118.60") for code, name in NAMES.items()),
    (
        Line("1", "1路", 3, "bus", ("0101", "0102")),
        Line("2", "2路", 3, "bus", ("0102", "0103")),
        Line("M", "地铁", 1, "metro", ("0101", "0102", "0103", "0104")),
        Line("R", "城乡", 3, "rural", tuple(f"R{n}" for n in range(1, 9))),
        Line("P", "免费线", 3, "park", ("0103", "0104")),
    ),
)
TRANSFER = {
    "from_tariffs": ["bus", "metro"],
    "to_tariffs": ["bus", "metro"],
    "within_minutes": 60,
    "same_line": False,
    "off_fen": 100,
}


def published(rule: str, **body: Any) -> dict[str, Any]:
    found = next(item for item in PUBLISHED if item["id"] == rule)
    return found | {"name": {"zh-Hans": found["name"]["zh-Hans"]}, "body": body or found["body"]}


SAID = [
    published("bus"),
    published("change", **TRANSFER),
    published("metro"),
    published("park"),
    published("rural"),
]


def documents(said: list[dict[str, Any]]) -> list[Document]:
    return [Document.parse(item) for item in said]


def test_there_and_back_is_the_same() -> None:
    feed = pack(export_feed(NETWORK, documents(SAID), FIRST, LAST))
    network, back = import_feed(unpack(feed), HEAD)
    assert network == NETWORK
    assert back == SAID
    assert pack(export_feed(network, documents(back), FIRST, LAST)) == feed


@pytest.mark.parametrize("rule", ["student", "ferry-day", "parking", "taxi", "shop", "one-tap", "school"])
def test_what_gtfs_cannot_say_is_refused(rule: str) -> None:
    with pytest.raises(GtfsCannotSay, match=rule):
        export_feed(NETWORK, documents([*SAID, published(rule)]), FIRST, LAST)


def test_so_is_a_transfer_that_combines_and_a_line_without_tariff() -> None:
    with pytest.raises(GtfsCannotSay, match="change"):
        export_feed(NETWORK, documents([*SAID[:1], *SAID[2:], published("change")]), FIRST, LAST)
    with pytest.raises(GtfsCannotSay, match="bus"):
        export_feed(NETWORK, documents(SAID[1:]), FIRST, LAST)
    with pytest.raises(GtfsCannotSay, match="R8"):
        export_feed(replace(NETWORK, stops=NETWORK.stops[:-1]), documents(SAID), FIRST, LAST)


@pytest.mark.parametrize(
    ("file", "column", "value"),
    [
        ("fare_products.txt", "currency", "EUR"),
        ("fare_products.txt", "amount", "two"),
        ("fare_leg_rules.txt", "fare_product_id", "none"),
        ("fare_transfer_rules.txt", "fare_transfer_type", "0"),
        ("fare_transfer_rules.txt", "to_leg_group_id", "none"),
        ("fare_transfer_rules.txt", "duration_limit", "61"),
        ("stop_times.txt", "stop_sequence", "x"),
        ("route_networks.txt", "network_id", "none"),
    ],
)
def test_a_feed_that_cannot_be_read_is_refused(file: str, column: str, value: str) -> None:
    tables = export_feed(NETWORK, documents(SAID), FIRST, LAST)
    tables[file] = [row | {column: value} for row in tables[file]]
    with pytest.raises(GtfsError):
        import_feed(tables, HEAD)


def test_a_fare_that_differs_by_direction_is_refused() -> None:
    tables = export_feed(NETWORK, documents(SAID), FIRST, LAST)
    row = next(item for item in tables["fare_leg_rules.txt"] if item["to_area_id"].endswith("0104"))
    row["fare_product_id"] = "metro.500"
    with pytest.raises(GtfsError, match="costs otherwise"):
        import_feed(tables, HEAD)


def test_no_zip_is_no_feed() -> None:
    with pytest.raises(GtfsError):
        unpack(b"stop_id,stop_name\n")
