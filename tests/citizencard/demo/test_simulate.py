"""The simulation finds exactly what was injected, and notices when the ledger is a record short."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from citizencard.core.models import BusinessDay
from citizencard.demo import simulation
from terminals.models import Batch, Refusal, Tap

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _city(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STATE_DIR = tmp_path
    monkeypatch.setattr(simulation, "FAULT_RATE", 0.3)


def test_ledger_and_chips_agree_with_faults(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("simulate", citizens=6, days=2, seed=3, faults=True)
    assert Tap.objects.count() > 10
    codes = set(Refusal.objects.values_list("code", flat=True))
    assert codes == {"duplicate", "bad_tac"}
    assert BusinessDay.objects.filter(state="closed").count() == 2
    assert "expected" not in capsys.readouterr().out


def test_same_seed_same_taps() -> None:
    call_command("simulate", citizens=4, days=1, seed=5)
    first = sorted(Tap.objects.values_list("amount_fen", flat=True))
    call_command("simulate", citizens=4, days=1, seed=5)
    last_day = BusinessDay.objects.filter(state="closed").latest("date").date
    assert sorted(Tap.objects.filter(business_date=last_day).values_list("amount_fen", flat=True)) == first


def test_a_missing_record_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = simulation.build_batch

    def short(number: str, records: list[Any]) -> bytes:
        return real(number, records[1:])

    monkeypatch.setattr(simulation, "build_batch", short)
    with pytest.raises(SystemExit) as ended:
        call_command("simulate", citizens=3, days=1, seed=1)
    assert ended.value.code == 1
    assert "purse 3104" in capsys.readouterr().out


def test_the_future_is_not_simulated() -> None:
    with pytest.raises(CommandError, match="left to simulate"):
        call_command("simulate", citizens=1, days=400, seed=1)
    assert not Batch.objects.exists()


def test_nothing_left_when_the_city_has_caught_up() -> None:
    BusinessDay.objects.create(date=timezone.localdate() + timedelta(days=1))
    with pytest.raises(CommandError, match="Only 0 days"):
        call_command("simulate", citizens=1, days=1, seed=1)
