"""`manage.py simulate`: what it prints, how it exits, and where it does not run."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Card
from citizencard.core.keyservice.client import KeyServiceClient, Status
from citizencard.core.models import BusinessDay
from citizencard.simulator import run as runs
from citizencard.simulator.faults import RATES
from settlement.models import ClearingRun
from terminals.models import Batch

pytestmark = pytest.mark.django_db


def test_the_result_as_json_and_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("simulate", citizens=5, days=1, seed=2, faults="all", chips=False, json=True)
    result = json.loads(capsys.readouterr().out)
    assert result["clean"]
    assert (result["differing"], result["broken_invariants"], result["first"]) == (0, 0, "2026-03-02")
    assert {item["fault"] for item in result["faults"]} == {fault.word for fault in RATES}
    assert result["verdicts"] == result["expected_verdicts"]
    assert ClearingRun.objects.get().business_date == date(2026, 3, 2)
    call_command("simulate", citizens=5, days=1, seed=2, faults="lost=0.2", chips=False, yes=True)
    out = capsys.readouterr().out
    assert "0 differences, 0 broken invariants" in out
    assert "lost" in out
    assert "plan   " in out


def test_a_difference_is_named_and_the_exit_code_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = runs.expect

    def one_fen_more(plan: Any) -> Any:
        expected = plain(plan)
        expected.purse_fen[2] += 1
        return expected

    monkeypatch.setattr(runs, "expect", one_fen_more)
    with pytest.raises(SystemExit) as ended:
        call_command("simulate", citizens=5, days=1, chips=False)
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "purse of card 2: expected " in out
    assert "1 differences" in out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"citizens": 0}, "--citizens is from 1"),
        ({"days": 0}, "--days is from 1"),
        ({"seed": -1}, "--seed"),
        ({"taps": 10**6}, "--taps is from 1 to 240"),
        ({"faults": "everything"}, "no fault 'everything'"),
        ({"faults": "lost=2"}, "from 0 to 1"),
        ({"days": 360}, "days up to yesterday are left"),
        ({"first": date(2100, 1, 1)}, "Only 0 days"),
    ],
)
def test_bad_options_are_a_sentence_and_exit_code_two(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("simulate", **options)
    assert refused.value.returncode == 2
    assert not Batch.objects.exists()


def test_not_in_production_and_not_beside_real_keys(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyServiceClient, "status", lambda self: Status("open", demo=False, keys=()))
    with pytest.raises(CommandError, match="no demonstration keys") as refused:
        call_command("simulate")
    assert refused.value.returncode == 2
    monkeypatch.undo()
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("simulate")


def test_a_city_in_use_is_left_alone_unless_told(open_day: BusinessDay) -> None:
    from tests.factories import make_card

    make_card()
    with pytest.raises(CommandError, match=r"has cards already\. Add --yes") as refused:
        call_command("simulate", citizens=2)
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="business day 2026-03-02 is open here"):
        call_command("simulate", citizens=2, first=date(2026, 3, 9), yes=True)
    assert Card.objects.count() == 1


def test_nothing_left_when_the_city_has_caught_up() -> None:
    BusinessDay.objects.create(date=timezone.localdate() + timedelta(days=1))
    with pytest.raises(CommandError, match="Only 0 days"):
        call_command("simulate", citizens=1)


def test_http_needs_a_web_server_that_answers() -> None:
    with pytest.raises(CommandError, match=r"127\.0\.0\.1"):
        call_command("simulate", citizens=2, chips=False, http="http://127.0.0.1:9")
