"""The nightly search: once a date, by the parameters of that date, in one statement a rule, silent on a clean day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import Card, RiskAlert, RiskParameters, RiskRule
from accounts.selectors.risk_words import explain
from accounts.services.alerts import dismiss_alert
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.models import AuditEntry
from terminals.models import Tap
from terminals.selectors.risk import RULES
from terminals.services.risk import publish_risk_parameters, run_risk
from terminals.tasks import run_risk as nightly_task
from tests.factories import NOON
from tests.fixtures_accounts import TODAY
from tests.terminals.risk.town import Town, evening, publish, rider

pytestmark = pytest.mark.django_db

CITY = Path(__file__).resolve().parents[3] / "fixtures" / "city.json"


def publish_city() -> None:
    for terms in json.loads(CITY.read_text())["risk_parameters"]:
        valid_from = date.fromisoformat(terms["valid_from"])
        publish_risk_parameters(**terms | {"valid_from": valid_from, "actor": "city"})


def test_every_rule_has_parameters_in_the_demo_city() -> None:
    assert set(RULES) == set(RiskRule)
    publish_city()
    assert set(RiskParameters.objects.values_list("rule", flat=True)) == set(RiskRule.values)
    before = AuditEntry.objects.count()
    publish_city()
    assert AuditEntry.objects.count() == before


def test_again_is_no_change_and_a_review_stands(town: Town, card: Card) -> None:
    publish(RiskRule.JUMP, counters_max=5)
    town.tap(card, 20)
    (first,) = run_risk(day=TODAY, now=evening(TODAY), rules=[RiskRule.JUMP])
    alert = RiskAlert.objects.get()
    assert (first.new, first.version, alert.review_by) == (1, 1, date(2026, 3, 6))
    dismiss_alert(alert=alert, actor="supervisor", reason="a lost upload", occurred_at=NOON)
    (again,) = run_risk(day=TODAY, now=evening(TODAY), rules=[RiskRule.JUMP])
    assert (again.new, RiskAlert.objects.get().state) == (0, "dismissed")


def test_a_date_is_judged_by_its_own_parameters(town: Town, card: Card) -> None:
    publish(RiskRule.JUMP, counters_max=5)
    publish_risk_parameters(
        rule="counter_jump", valid_from=TODAY, values={"counters_max": 50}, blocks_payout=False, review_days=1,
        legal_basis="办法第二条", actor="supervisor",
    )  # fmt: skip
    town.tap(card, 20)
    run_risk(day=TODAY, now=evening(TODAY))
    assert not RiskAlert.objects.exists()
    town.tap(rider(), 51)
    run_risk(day=TODAY, now=evening(TODAY))
    assert RiskAlert.objects.get().parameters.valid_from == TODAY


def test_a_rule_without_parameters_does_not_look(town: Town, card: Card) -> None:
    town.tap(card, 500)
    assert {(run.version, run.new) for run in run_risk(day=TODAY, now=evening(TODAY))} == {(None, 0)}


def test_each_rule_is_one_statement_whatever_the_day_has(town: Town, card: Card) -> None:
    publish_city()

    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            run_risk(day=TODAY, now=evening(TODAY))
        assert sum("accounts_riskalert" in query["sql"] for query in seen) == len(RULES)
        return len(seen)

    empty = statements()
    for atc in range(300, 303):
        town.tap(card, atc, seconds=-atc)
    assert statements() == empty
    assert RiskAlert.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rule": "horoscope"}, "rule"),
        ({"values": {}}, "values"),
        ({"values": {"counters_max": 5, "more": 1}}, "values"),
        ({"values": {"counters_max": 0}}, "counters_max"),
        ({"values": {"counters_max": "5"}}, "counters_max"),
        ({"values": {"counters_max": True}}, "counters_max"),
        ({"legal_basis": " "}, "legal_basis"),
        ({"review_days": 0}, "review_days"),
        ({"candidate": "black"}, "candidate"),
        (
            {
                "rule": "night_merchant",
                "values": {"hours": {"shop": ["8:00", "22:00"]}, "taps_max": 0, "fen_max": 0},
            },
            "hours",
        ),
        (
            {
                "rule": "night_merchant",
                "values": {"hours": {"casino": ["08:00", "22:00"]}, "taps_max": 0, "fen_max": 0},
            },
            "hours",
        ),
    ],
)
def test_parameters_are_the_rules_own(changes: dict[str, Any], field: str) -> None:
    terms: dict[str, Any] = {
        "rule": "counter_jump", "valid_from": TODAY, "values": {"counters_max": 5}, "blocks_payout": True,
        "review_days": 1, "legal_basis": "x", "actor": "supervisor",
    }  # fmt: skip
    with pytest.raises(InvalidField) as refusal:
        publish_risk_parameters(**terms | changes)
    assert refusal.value.data["field"] == field
    publish_risk_parameters(**terms)
    publish_risk_parameters(**terms)
    with pytest.raises(Conflict):
        publish_risk_parameters(**terms | {"review_days": 2})


def test_an_explanation_is_made_in_the_readers_language(town: Town, card: Card) -> None:
    publish(RiskRule.JUMP, counters_max=5)
    town.tap(card, 20)
    run_risk(day=TODAY, now=evening(TODAY))
    alert = RiskAlert.objects.get()
    said = set()
    for language in ("zh-hans", "zh-hant", "en"):
        with translation.override(language):
            said.add(explain(alert))
            assert "20" in explain(alert)
    assert len(said) == 3
    assert not any(word in json.dumps(alert.facts, ensure_ascii=False) for word in said)


def test_the_command_and_the_task(town: Town, card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    publish(RiskRule.JUMP, counters_max=5)
    publish(RiskRule.TAC, terminal_max=0, card_max=0)
    town.tap(card, 20)
    assert nightly_task(TODAY.isoformat()) == 1
    assert nightly_task() == 0
    call_command("risk", date=TODAY, rule=["counter_jump"], json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["rules"] == [{"rule": "counter_jump", "version": 1, "new": 0}]
    (alert,) = told["alerts"]
    assert alert["facts"]["figures"] == {"counter": 20, "expected": 0, "missing": 20}
    assert (alert["parameters"]["counters_max"], alert["legal_basis"]) == (5, "风险管理办法第一条")
    assert alert["facts"]["evidence"]["taps"] == [[TODAY.isoformat(), Tap.objects.get().id]]
    call_command("risk", date=TODAY)
    assert str(alert["id"]) in capsys.readouterr().out


def test_a_clean_day_raises_no_alarm(tmp_path: Path, settings: Any, demo_keys: object) -> None:
    """Real chips, terminals, acceptance and clearing; then the same day with one thing wrong, as the control."""
    settings.STATE_DIR = tmp_path
    call_command("simulate", citizens=6, days=2, seed=7)
    days = sorted(set(Tap.objects.values_list("business_date", flat=True)))
    assert (len(days), Tap.objects.count() > 20) == (2, True)
    assert RiskParameters.objects.count() == len(RULES)
    for day in days:
        assert sum(run.new for run in run_risk(day=day, now=evening(day))) == 0
    newest = Tap.objects.order_by("-atc")[0]
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE terminals_tap SET balance_fen = balance_fen + 1 WHERE business_date = %s AND id = %s",
            [newest.business_date, newest.id],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    run_risk(day=newest.business_date, now=evening(newest.business_date))
    assert set(RiskAlert.objects.values_list("rule", flat=True)) == {
        "chip_above_books",
        "balance_unexplained",
    }
