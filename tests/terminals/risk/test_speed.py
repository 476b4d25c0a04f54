"""Too much at once, too far apart, in several hands: at the threshold nothing is found, one beyond it is."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Card, RiskRule
from accounts.selectors.risk_words import explain
from citizencard.core.calendar import cut_off
from terminals.models import Tap
from tests.fixtures_accounts import TODAY
from tests.terminals.risk.town import HUNDREDTH_M, Town, figures_by, found_by, rider

pytestmark = pytest.mark.django_db

VELOCITY: dict[str, Any] = {"minutes": 10, "taps_max": 3, "fen_max": 1_000, "look_back_days": 1}
RUSHES: dict[str, tuple[list[tuple[int, int]], dict[str, int] | None]] = {
    "three taps": ([(0, 200), (300, 200), (600, 200)], None),
    "four": ([(0, 200), (200, 200), (400, 200), (600, 200)], {"taps": 4, "fen": 800}),
    "four in a second more": ([(0, 200), (200, 200), (400, 200), (601, 200)], None),
    "ten yuan": ([(0, 500), (600, 500)], None),
    "a fen more": ([(0, 500), (600, 501)], {"taps": 2, "fen": 1_001}),
    "a fen more, a second later": ([(0, 500), (601, 501)], None),
}
"""Seconds and fen of each tap, and what is found."""


def test_velocity(town: Town) -> None:
    case_of = {}
    for name, (taps, _figures) in RUSHES.items():
        case_of[card := rider()] = name
        for atc, (seconds, fen) in enumerate(taps):
            town.tap(card, atc, seconds=seconds, amount_fen=fen)
    alerts = found_by(RiskRule.VELOCITY, **VELOCITY)
    expected = {name: figures for name, (_taps, figures) in RUSHES.items() if figures}
    assert figures_by(case_of, alerts) == expected
    for alert in alerts:
        assert alert.card is not None
        assert (alert.subject, alert.rule_version, alert.state) == (str(alert.card.pk), 1, "open")
        assert len(alert.facts["evidence"]["taps"]) == alert.facts["figures"]["taps"]
        assert f"用卡 {alert.facts['figures']['taps']} 次" in explain(alert)


def test_a_window_reaches_back_over_the_cut_off_and_is_told_once(town: Town, card: Card) -> None:
    """Two taps booked today and two tomorrow, within ten minutes: tomorrow's finding, not today's."""
    for atc in range(2):
        town.tap(card, atc, seconds=atc)
    cut_off(TODAY)
    for atc in (2, 3):
        town.tap(card, atc, seconds=atc)
    tomorrow = Tap.objects.order_by("-business_date")[0].business_date
    assert found_by(RiskRule.VELOCITY, **VELOCITY) == []
    (alert,) = found_by(RiskRule.VELOCITY, day=tomorrow, **VELOCITY)
    assert {day for day, _id in alert.facts["evidence"]["taps"]} == {TODAY.isoformat(), tomorrow.isoformat()}


TRAVEL = {"kmh_max": 100, "metres_min": 500, "tolerance_seconds": 0, "look_back_days": 1}


def test_impossible_travel(town: Town) -> None:
    """1,112 metres are more than 100 km/h in 40 seconds, and less in 41."""
    case_of = {}
    for seconds in (0, 39, 40, 41):
        case_of[card := rider()] = str(seconds)
        town.tap(card, 0, "east")
        town.tap(card, 1, "west", seconds)

    def found(**changes: int) -> set[str]:
        alerts = found_by(RiskRule.TRAVEL, **TRAVEL | changes)
        assert {alert.facts["figures"]["metres"] for alert in alerts} <= {HUNDREDTH_M}
        return {
            name for name, figures in figures_by(case_of, alerts).items() if figures["seconds"] == int(name)
        }

    assert found() == {"0", "39", "40"}
    assert found(kmh_max=99) == {"0", "39", "40"}
    assert found(kmh_max=101) == {"0", "39"}
    assert found(tolerance_seconds=1) == {"0", "39"}
    assert found(tolerance_seconds=2) == {"0"}
    assert found(metres_min=HUNDREDTH_M - 1) == {"0", "39", "40"}
    assert found(metres_min=HUNDREDTH_M) == set()


def test_travel_is_judged_where_coordinates_are_known(town: Town, card: Card) -> None:
    town.tap(card, 0, "east")
    town.tap(card, 1, "bus1", 1)
    town.tap(card, 2, "shop", 2)
    town.tap(card, 3, "east", 3)
    assert found_by(RiskRule.TRAVEL, **TRAVEL) == []


def test_a_tap_handed_in_late_is_held_against_those_before_it(town: Town, card: Card) -> None:
    town.tap(card, 1, "west", 30)
    cut_off(TODAY)
    town.tap(card, 0, "east")
    late = Tap.objects.order_by("-business_date")[0]
    assert found_by(RiskRule.TRAVEL, **TRAVEL) == []
    (alert,) = found_by(RiskRule.TRAVEL, day=late.business_date, **TRAVEL)
    assert (alert.facts["figures"]["seconds"], alert.card) == (30, card)


SHARING: dict[str, Any] = {
    "kinds": [2, 3],
    "taps_max": 2,
    "minutes": 5,
    "apart_seconds": 60,
    "look_back_days": 1,
}
OUTINGS: dict[str, tuple[int, list[tuple[str, int]], tuple[int, int, int] | None]] = {
    "twice on one bus": (3, [("bus1", 0), ("bus1", 300)], None),
    "three times": (3, [("bus1", 0), ("bus1", 9), ("bus1", 300)], (3, 300, 1)),
    "three times in a second more": (3, [("bus1", 0), ("bus1", 9), ("bus1", 301)], None),
    "two buses within the minute": (2, [("bus1", 0), ("bus2", 59)], (2, 59, 2)),
    "two buses a minute apart": (2, [("bus1", 0), ("bus2", 60)], None),
    "a normal card": (1, [("bus1", 0), ("bus1", 1), ("bus1", 2), ("bus2", 3)], None),
    "not on vehicles": (3, [("east", 0), ("west", 1), ("shop", 2)], None),
}
"""Card kind of the chip (3: elder), taps, and what is found: taps, seconds, vehicles."""


def test_concession_sharing(town: Town) -> None:
    case_of = {}
    for name, (kind, taps, _figures) in OUTINGS.items():
        case_of[card := rider(code=f"kind-{kind}", kind_code=kind)] = name
        for atc, (place, seconds) in enumerate(taps):
            town.tap(card, atc, place, seconds)
    found = figures_by(case_of, found_by(RiskRule.SHARING, **SHARING))
    assert {
        name: tuple(figures[each] for each in ("taps", "seconds", "vehicles"))
        for name, figures in found.items()
    } == {name: figures for name, (_kind, _taps, figures) in OUTINGS.items() if figures}
