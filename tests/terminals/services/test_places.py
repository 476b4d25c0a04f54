"""Lines, stops and places: brought again they are the same ones, and nothing stands where it cannot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError

from citizencard.core.errors import Conflict, InvalidField
from terminals.models import Line, Merchant, Place, RouteStop, Stop
from terminals.services.places import Call, save_line, save_place, save_route, save_stop
from tests.terminals.field import make_merchant

pytestmark = pytest.mark.django_db


@pytest.fixture
def bus(db: None) -> Merchant:
    return make_merchant()


def test_a_stop_is_found_again_by_its_code(bus: Merchant) -> None:
    first = save_stop(code="S1", name="东海", zone="A", latitude=Decimal("24.9"), longitude=Decimal("118.6"))
    again = save_stop(code="S1", name="东海湾")
    assert (again.pk, again.name, again.zone, again.latitude) == (first.pk, "东海湾", "", None)


@pytest.mark.parametrize(
    "where",
    [
        {"latitude": Decimal(91), "longitude": Decimal(0)},
        {"latitude": Decimal(0), "longitude": Decimal(-181)},
        {"latitude": Decimal(1)},
        {"longitude": Decimal(1)},
    ],
)
def test_a_stop_is_on_earth(where: dict[str, Decimal]) -> None:
    with pytest.raises(InvalidField):
        save_stop(code="S1", name="?", **where)
    with pytest.raises(IntegrityError):
        Stop.objects.create(code="S1", name="?", **where)


def test_a_route_is_replaced_whole(bus: Merchant) -> None:
    line = save_line(code="K1", name="K1路", merchant=bus)
    stops = [save_stop(code=f"S{number}", name="站") for number in range(3)]
    there = [Call(stops[0], 0), Call(stops[1], 700), Call(stops[2], 1_500)]
    route = save_route(code="K1-0", name="去程", line=line, calls=there)
    # A loop calls at its first stop again.
    loop = [Call(stops[0], 0), Call(stops[2], 900), Call(stops[0], 1_800)]
    assert save_route(code="K1-0", name="环线", line=line, calls=loop) == route
    calls = RouteStop.objects.order_by("rank").values_list("rank", "stop__code", "distance_m")
    assert list(calls) == [(1, "S0", 0), (2, "S2", 900), (3, "S0", 1_800)]
    for wrong in (there[:1], there[1:], there[::-1], [*there, Call(stops[0], 1_499)]):
        with pytest.raises(InvalidField):
            save_route(code="K1-0", name="?", line=line, calls=wrong)
    assert RouteStop.objects.count() == 3


def test_a_code_does_not_change_hands(bus: Merchant) -> None:
    other = make_merchant(code="OTHER")
    line, second = (save_line(code=code, name="K1路", merchant=bus) for code in ("K1", "K2"))
    assert save_line(code="K1", name="K1 快线", merchant=bus).pk == line.pk
    assert Line.objects.get(code="K1").name == "K1 快线"
    stops = [Call(save_stop(code="S0", name="站"), 0), Call(save_stop(code="S1", name="站"), 1)]
    save_route(code="R", name="R", line=line, calls=stops)
    save_place(code="bus", name="bus", kind="vehicle", merchant=bus, line=line)
    moved = save_place(code="bus", name="bus", kind="vehicle", merchant=bus, line=second)
    assert moved.line == second
    for take in (
        lambda: save_line(code="K1", name="K1路", merchant=other),
        lambda: save_route(code="R", name="R", line=second, calls=stops),
        lambda: save_place(code="bus", name="bus", kind="vehicle", merchant=other),
    ):
        with pytest.raises(Conflict):
            take()


def test_a_place_is_where_its_kind_can_be(bus: Merchant) -> None:
    line, stop = save_line(code="K1", name="K1路", merchant=bus), save_stop(code="S", name="站")
    foreign = save_line(code="X", name="X", merchant=make_merchant(code="OTHER"))
    right: list[dict[str, Any]] = [
        {"kind": "vehicle"},
        {"kind": "vehicle", "line": line},
        {"kind": "gate", "stop": stop},
        {"kind": "shop"},
        {"kind": "parking"},
    ]
    for number, facts in enumerate(right):
        save_place(code=f"P{number}", name="P", merchant=bus, **facts)
    wrong: list[dict[str, Any]] = [
        {"kind": "moon"},
        {"kind": "gate"},
        {"kind": "shop", "stop": stop},
        {"kind": "vehicle", "stop": stop},
        {"kind": "gate", "stop": stop, "line": line},
    ]
    for facts in (*wrong, {"kind": "vehicle", "line": foreign}):
        with pytest.raises(InvalidField):
            save_place(code="W", name="W", merchant=bus, **facts)
    assert Place.objects.count() == len(right)


@pytest.mark.parametrize("facts", [{"kind": "gate"}, {"kind": "moon"}])
def test_the_database_holds_it_too(bus: Merchant, facts: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        Place.objects.create(code="W", name="W", merchant=bus, **facts)
