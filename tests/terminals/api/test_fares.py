"""Fares for everybody: documents by digest, and a calculator that says what the centre charges."""

from __future__ import annotations

import hashlib
import random
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from terminals.api.fare_views import FareThrottle
from terminals.fares.book import Book
from terminals.fares.charge import Charge
from terminals.fares.documents import canonical_bytes
from terminals.fares.holder import Entitlement, Holder
from terminals.fares.period import price_rides, recompute
from terminals.fares.rides import Ride
from terminals.models import FareDocument
from terminals.selectors.fare_quote import quote_fare
from terminals.services.fares import withdraw_fare
from tests.terminals.fare_shelf import flat, publish
from tests.terminals.pricing.city import STATIONS, at, documents

QUOTE = "/api/v1/fares/quote"
DOCUMENTS = "/api/v1/fares/documents"


@pytest.mark.django_db
def test_documents_are_found_by_anybody_and_hash_to_their_digest(client: Client) -> None:
    publish(flat(), flat(version=2, fare_fen=300, valid_from="2090-01-01"))
    answer = client.get(DOCUMENTS)
    listed = answer.json()["documents"]
    assert [each["document"]["version"] for each in listed] == [1, 2]
    assert answer["Cache-Control"] == "public, max-age=300"
    assert not answer.cookies
    for each in listed:
        one = client.get(each["href"])
        assert hashlib.sha256(one.content).hexdigest() == each["sha256"]
        assert one.content == canonical_bytes(each["document"])
        assert client.get(each["href"], headers={"If-None-Match": one["ETag"]}).status_code == 304
    assert client.get(DOCUMENTS, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    today = client.get(DOCUMENTS, {"date": "2090-05-01"}).json()["documents"]
    assert [each["document"]["version"] for each in today] == [2]


@pytest.mark.django_db
def test_what_changes_gets_another_etag_and_what_was_withdrawn_is_gone(client: Client) -> None:
    publish(flat())
    before = client.get(DOCUMENTS)["ETag"]
    (coming,) = publish(flat(version=2, valid_from="2090-01-01"))
    assert client.get(DOCUMENTS, headers={"If-None-Match": before}).status_code == 200
    withdraw_fare(document=coming, actor="maker", reason="x")
    assert len(client.get(DOCUMENTS).json()["documents"]) == 1
    assert client.get(f"{DOCUMENTS}/bus/2").status_code == 404
    assert client.get(f"{DOCUMENTS}/none/1").json()["code"] == "not_found"


@pytest.mark.django_db
def test_a_quote_is_explained_in_three_languages_and_can_be_worked_out_again(client: Client) -> None:
    publish(flat())
    answer = client.get(QUOTE, {"tariff": "bus", "start": "2026-05-01T08:00"})
    said = answer.json()
    assert (said["amount_fen"], answer["ETag"]) == (200, f'"{said["sha256"]}"')
    assert [each["text"] for each in said["explanation"]["en"]] == ["flat fare", "to pay"]
    assert {language: steps[-1]["text"] for language, steps in said["explanation"].items()} == {
        "zh-Hans": "合计", "zh-Hant": "合計", "en": "to pay",
    }  # fmt: skip
    again = recompute(said["derivation"], Book.parse([flat()]))
    assert hashlib.sha256(again.canonical()).hexdigest() == said["sha256"]
    assert (
        client.get(
            QUOTE, {"tariff": "bus", "start": "2026-05-01T08:00"}, headers={"If-None-Match": answer["ETag"]}
        ).status_code
        == 304
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "tariff"),
        ({"tariff": "boat"}, "tariff"),
        ({"tariff": "bus", "speed": "1"}, "speed"),
        ({"tariff": "bus", "start": "yesterday"}, "start"),
        ({"tariff": "bus", "start": "0001-01-01T00:00"}, "start"),
        ({"tariff": "bus", "start": "9999-12-31T23:59:59+00:00"}, "start"),
        ({"tariff": "bus", "metres": "-1"}, "metres"),
        ({"tariff": "bus", "age": "151"}, "age"),
        ({"tariff": "bus", "waiting_s": "9" * 60}, "waiting_s"),
        ({"tariff": "bus", "line": "x" * 300}, "line"),
        ({"tariff": "bus", "start": "2026-05-01T08:00", "end": "2026-05-01T07:00"}, "tariff"),
        (
            {"tariff": "bus", "start": "2026-05-01T08:00", "after": "bus", "after_at": "soon"},
            "after_at",
        ),
    ],
)
def test_what_cannot_be_priced_is_a_problem_that_names_the_field(
    client: Client, asked: dict[str, str], field: str
) -> None:
    publish(flat())
    answer = client.get(QUOTE, asked)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert answer["Content-Type"].startswith("application/problem+json")


@pytest.mark.django_db
@pytest.mark.parametrize("date", ["1.5.2026", "", "20260501"])
def test_a_wrong_date_is_a_problem(client: Client, date: str) -> None:
    assert client.get(DOCUMENTS, {"date": date}).json()["field"] == "date"


@pytest.mark.django_db
def test_nobody_asks_too_often(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(flat())
    monkeypatch.setattr(FareThrottle, "rate", "5/min")
    monkeypatch.setattr(FareThrottle, "timer", lambda self: 1_000.0)
    statuses = [client.get(QUOTE, {"tariff": "bus"}).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert client.get(DOCUMENTS).json()["code"] == "throttled"
    assert client.get(QUOTE, REMOTE_ADDR="192.0.2.7", data={"tariff": "bus"}).status_code == 200


BOOK = Book.parse(documents())


def trips(rolls: random.Random, number: int) -> list[Ride]:
    """A card's random day: buses, metro rides and stays."""
    rides = []
    for each in range(number):
        start, stops = at("05:00") + timedelta(minutes=rolls.randrange(1_000)), list(STATIONS)
        tariff = rolls.choice(["bus", "bus", "metro", "parking"])
        end = start + timedelta(minutes=rolls.randrange(90))
        match tariff:
            case "metro":
                ends = {"entry": rolls.choice(stops), "leaving": rolls.choice(stops), "end": end}
            case "parking":
                ends = {"end": end}
            case _:
                ends = {}
        rides.append(
            Ride(f"r{each:02d}", tariff, start, rolls.choice("12") if tariff == "bus" else "", **ends)
        )
    return rides


def asked_for(charge: Charge, rides: dict[str, Ride]) -> dict[str, str]:
    """What a passenger would fill in to ask for that ride."""
    ride, inputs = charge.ride, charge.inputs
    said: dict[str, Any] = {
        "tariff": ride.tariff, "line": ride.line, "entry": ride.entry, "leaving": ride.leaving,
        "start": ride.start.isoformat(), "end": ride.end.isoformat() if ride.end else "",
        "categories": ",".join(inputs.standing.categories), "spent_fen": str(inputs.spent_fen.get("day", 0)),
    }  # fmt: skip
    if last := inputs.previous.get("change"):
        said |= {"after": rides[last.ride].tariff, "after_line": last.line, "after_at": last.at.isoformat()}
    return said


def test_the_calculator_says_what_the_centre_charges_for_thousands_of_trips() -> None:
    rolls, compared = random.Random(20260302), 0
    discounted = capped = 0
    while compared < 2_000:
        student = Holder(entitlements=(Entitlement("student", date(2026, 1, 1)),))
        holder = student if rolls.random() < 0.4 else Holder()
        rides = {ride.id: ride for ride in trips(rolls, 12)}
        for charge in price_rides(rides.values(), BOOK, holder):
            said = quote_fare(asked_for(charge, rides), BOOK)
            assert (said.amount_fen, said.steps, said.chosen, said.shares) == (
                charge.amount_fen, charge.steps, charge.chosen, charge.shares,
            )  # fmt: skip
            compared += 1
            discounted += bool(charge.chosen)
            capped += any(step.message == "cap" for step in charge.steps)
    assert min(discounted, capped) > 100


@pytest.mark.django_db
def test_nothing_is_said_of_a_city_without_fares(client: Client) -> None:
    assert client.get(DOCUMENTS).json()["documents"] == []
    assert not FareDocument.objects.exists()
