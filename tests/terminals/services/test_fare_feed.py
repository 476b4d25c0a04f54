"""A planner's feed comes in and goes out again with the same fares, and the command says what it does."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import gtfs_guru
import pytest
from django.core.management import CommandError, call_command

from accounts.services.subsidies import open_subsidy_payer
from terminals.fares.gtfs import pack, unpack
from terminals.fares.gtfs_export import export_feed
from terminals.models import FareDocument, Line, RouteStop, Stop
from tests.terminals.fare_shelf import document, flat, publish
from tests.terminals.fares.test_gtfs import FIRST, LAST, NETWORK, SAID, documents
from tests.terminals.field import make_merchant

pytestmark = pytest.mark.django_db
FEED_OPTIONS = (
    "--merchant",
    "BUS",
    "--document-version",
    "1",
    "--valid-from",
    "2026-01-01",
    "--legal-basis",
    "test",
)
Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run() -> Run:
    def call(*arguments: str) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        call_command("fares", *arguments, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return call


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    file = tmp_path / "feed.zip"
    file.write_bytes(pack(export_feed(NETWORK, documents(SAID), FIRST, LAST)))
    return file


def imported(run: Run, feed: Path) -> None:
    make_merchant()
    said, _ = run("import", str(feed), "--maker", "maker", "--reason", "founded", *FEED_OPTIONS)
    number = said.split()[1].rstrip(":")
    run("publish", number, "--checker", "checker")


def test_a_feed_comes_back_the_same(run: Run, feed: Path, tmp_path: Path) -> None:
    imported(run, feed)
    assert {each["id"] for each in (row.content for row in FareDocument.objects.all())} == {
        "bus", "change", "metro", "park", "rural"
    }  # fmt: skip
    assert Line.objects.get(code="M").tariff_code == "metro"
    assert Stop.objects.count() == len(NETWORK.stops)
    back = tmp_path / "back.zip"
    options = ("--operator", NETWORK.operator, "--url", NETWORK.url, "--date", "2026-01-01")
    said, left_out = run("export", "--gtfs", "--output", str(back), *options)
    assert "5 lines" in said
    assert left_out == ""
    before, after = unpack(feed.read_bytes()), unpack(back.read_bytes())
    fares = [
        name
        for name in before
        if name.startswith(("fare", "network", "route_networks", "area", "stop_areas", "trips"))
    ]
    assert {name: sorted(map(str, after[name])) for name in fares} == {
        name: sorted(map(str, before[name])) for name in fares
    }


def test_every_reference_of_an_exported_feed_is_there(run: Run, feed: Path, tmp_path: Path) -> None:
    """The checks of the GTFS reference a validator makes first: keys unique, references known, dates and times well formed."""
    imported(run, feed)
    back = tmp_path / "back.zip"
    run("export", "--gtfs", "--output", str(back), "--date", "2026-01-01")
    with zipfile.ZipFile(back) as archive:
        tables = {
            name: list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")))
            for name in archive.namelist()
        }
    keys = {"stops": "stop_id", "routes": "route_id", "trips": "trip_id", "areas": "area_id", "networks": "network_id",
        "fare_products": "fare_product_id", "calendar": "service_id", "agency": "agency_id"}  # fmt: skip
    known = {name: [row[key] for row in tables[f"{name}.txt"]] for name, key in keys.items()}
    assert all(len(set(ids)) == len(ids) for ids in known.values())
    references = [("trips", "route_id", "routes"), ("trips", "service_id", "calendar"), ("stop_times", "trip_id", "trips"),
        ("stop_times", "stop_id", "stops"), ("stop_areas", "stop_id", "stops"), ("stop_areas", "area_id", "areas"),
        ("route_networks", "network_id", "networks"), ("route_networks", "route_id", "routes"),
        ("fare_leg_rules", "network_id", "networks"), ("fare_leg_rules", "from_area_id", "areas"),
        ("fare_leg_rules", "to_area_id", "areas"), ("fare_leg_rules", "fare_product_id", "fare_products"),
        ("fare_transfer_rules", "fare_product_id", "fare_products"), ("routes", "agency_id", "agency")]  # fmt: skip
    for table, column, target in references:
        used = {row[column] for row in tables[f"{table}.txt"] if row.get(column)}
        assert used <= set(known[target]), (table, column)
    assert {row["currency"] for row in tables["fare_products.txt"]} == {"CNY"}
    for row in tables["stops.txt"]:
        assert -90 <= float(row["stop_lat"]) <= 90
        assert -180 <= float(row["stop_lon"]) <= 180
    assert RouteStop.objects.filter(rank=1, distance_m=0).count() == 5


def test_an_exported_feed_passes_the_rules_of_the_canonical_validator(
    run: Run, feed: Path, tmp_path: Path
) -> None:
    imported(run, feed)
    back = tmp_path / "back.zip"
    run("export", "--gtfs", "--output", str(back), "--date", "2026-01-01")
    found = gtfs_guru.validate(str(back), country_code="CN", date="2026-01-02")
    # The reference lets an amount be negative for a transfer's discount; this validator does not know that.
    discount = ("number_out_of_range", "fare_products.txt")
    assert [(notice.code, notice.file) for notice in found.errors()] == [discount]


def test_what_gtfs_cannot_say_is_listed(run: Run, feed: Path, tmp_path: Path) -> None:
    imported(run, feed)
    open_subsidy_payer(code="CZJ", name="x", actor="x")
    publish(
        document("cap", "day", {"tariffs": ["bus"], "period": "day", "starts": "04:00", "limit_fen": 9}),
        flat("ship"),
    )
    _, left_out = run("export", "--gtfs", "--output", str(tmp_path / "x.zip"), "--date", "2026-01-01")
    assert [line.rpartition(": ")[2].split()[0] for line in left_out.splitlines()] != []
    assert "day" in left_out
    assert "ship" in left_out


def test_documents_go_out_and_come_in_as_json(run: Run, tmp_path: Path) -> None:
    publish(flat(), flat(version=2, fare_fen=300, valid_from="2090-01-01"))
    everything, today = (
        json.loads(run("export", "--json")[0]),
        json.loads(run("export", "--json", "--date", "2026-05-01")[0]),
    )
    assert everything == [flat(), flat(version=2, fare_fen=300, valid_from="2090-01-01")]
    assert today == [flat()]
    file = tmp_path / "next.json"
    file.write_text(json.dumps(flat(version=3, fare_fen=400, valid_from="2091-01-01")), "utf-8")
    assert run("check", str(file))[0] == "1 documents: no problems\n"
    assert "1 documents wait" in run("import", str(file), "--maker", "maker")[0]
    assert run("check")[0] == "2 documents: no problems\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[{", "no JSON"),
        ('{"a": 1, "a": 2}', "a key stands twice"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "documents"),
        (json.dumps([flat(valid_from="2026-13-01")]), "valid_from"),
        (json.dumps([document("tariff", "x", {"kind": "bus", "rule": {}})]), "body.kind"),
    ],
)
def test_bad_files_are_sentences(run: Run, tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content, "utf-8")
    with pytest.raises(CommandError, match=sentence):
        run("import", str(file), "--maker", "maker")


def test_bad_calls_are_sentences(run: Run, feed: Path, tmp_path: Path) -> None:
    for arguments, sentence in (
        (("import", str(feed), "--maker", "m"), "--merchant"),
        (("import", str(feed), "--maker", "m", *FEED_OPTIONS), "no merchant BUS"),
        (("import", str(tmp_path / "none.json"), "--maker", "m"), "No such file"),
        (("publish", "7", "--checker", "c"), "no proposal 7"),
        (("export", "--gtfs"), "--output"),
    ):
        with pytest.raises(CommandError, match=sentence):
            run(*arguments)
    (tmp_path / "feed.zip").write_bytes(b"no zip")
    make_merchant()
    with pytest.raises(CommandError, match="no ZIP"):
        run("import", str(tmp_path / "feed.zip"), "--maker", "m", *FEED_OPTIONS)
    assert not Stop.objects.exists()
