"""The nightly risk rules over one business date with the one before it, next to reading the date's taps once."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db import connection

from accounts.models import RiskAlert
from benchmarks.city import Purchase, found_city, tap, tap_many
from benchmarks.databases import connected_to, copied_database, execute_as_owner, migrated_database
from benchmarks.timing import Result, Rounds
from citizencard.core.calendar import SHANGHAI, cut_off
from terminals.models import Tap
from terminals.selectors.risk import RULES
from terminals.services.risk import publish_risk_parameters, run_risk

BEFORE, DAY = date(2026, 11, 2), date(2026, 11, 3)
NIGHT = datetime.combine(DAY, time(1, 30), SHANGHAI) + timedelta(days=1)
TAPS = 1_000_000
QUICK_TAPS = 2_000
SCAN = "SELECT count(*), sum(amount_fen) FROM terminals_tap WHERE business_date = %s"
# Every metro merchant's terminal stands at a stop of its own, within ten kilometres.
STOPS = """
INSERT INTO terminals_stop (code, name, zone, latitude, longitude)
SELECT code, name, '', 24.9 + id %% 10 * 0.01, 118.6 + id / 10 %% 10 * 0.01 FROM terminals_merchant WHERE channel = 'metro';
INSERT INTO terminals_place (code, name, kind, merchant_id, stop_id)
SELECT stop.code, stop.name, 'gate', merchant.id, stop.id
FROM terminals_stop AS stop JOIN terminals_merchant AS merchant USING (code);
UPDATE terminals_terminal AS terminal SET site_id = place.id
FROM terminals_place AS place WHERE place.merchant_id = terminal.merchant_id;
"""
RUSH = 25
"""Taps of one card in one moment, which are planted beside one counter conflict: nothing else may be found."""
PLANTED = {("velocity", 1), ("counter_conflict", 1)}


def run(*, rounds: int, quick: bool) -> Result:
    """Seconds for each rule and for all; the parameters are the demo city's."""
    taps = QUICK_TAPS if quick else TAPS
    size = {"merchants": taps // 500, "cards": taps // 10}
    result = Result("risk", f"Risk rules over a business date of {taps:,} taps", {"taps": taps, **size})
    figures = Rounds()
    with migrated_database() as template:
        with connected_to(template):
            _live(taps=taps, **size)
        for _ in range(rounds):
            with copied_database(template):
                _round(figures, result)
    result.figures = figures.figures()
    result.ratio("all rules / scan", "all rules", "scan (raw limit)")
    return result


def _live(*, taps: int, merchants: int, cards: int) -> None:
    found_city(BEFORE, merchants=merchants, cards=cards)
    execute_as_owner(STOPS.replace("%%", "%"))
    plan = json.loads((settings.BASE_DIR / "fixtures" / "city.json").read_text("utf-8"))
    for terms in plan["risk_parameters"]:
        dated = {"valid_from": date.fromisoformat(terms["valid_from"]), "actor": "city"}
        publish_risk_parameters(**terms | dated)
    tap_many(BEFORE, merchants=merchants, cards=cards, taps=taps)
    cut_off(BEFORE)
    rush = [Purchase(1, 1, 100) for _ in range(RUSH)]
    tap(DAY, [*rush, Purchase(1, 2, 100, Tap.Outcome.COUNTER_CONFLICT)])
    tap_many(DAY, merchants=merchants, cards=cards, taps=taps)
    execute_as_owner("VACUUM (ANALYZE)")


def _round(figures: Rounds, result: Result) -> None:
    _scan()  # a fresh copy is cold
    figures.timed("scan (raw limit)", _scan)
    for code in RULES:
        figures.timed(code.value, lambda code=code: run_risk(day=DAY, now=NIGHT, rules=[code]))  # type: ignore[misc]
    figures.timed("all rules", lambda: run_risk(day=DAY, now=NIGHT))
    found = RiskAlert.objects.values_list("rule", "card__pan")
    result.check("exactly what was planted is found", {(rule, 1) for rule, _pan in found} == PLANTED)
    result.check("one alert each, and none more when they run again", len(found) == len(PLANTED))


def _scan() -> None:
    with connection.cursor() as cursor:
        cursor.execute(SCAN, [DAY])
        cursor.fetchall()
