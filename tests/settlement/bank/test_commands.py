"""The bank's commands, played from the payout file to the statement; and the nightly draft."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from settlement.models import PayoutBatch
from settlement.services.bank_files import open_file
from settlement.tasks import make_payouts
from tests.settlement.bank.bank import MAKER, sent

pytestmark = pytest.mark.django_db


def test_a_payout_file_goes_to_the_bank_and_its_answers_come_back(
    cleared: date, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = sent()
    for kind, name in (("pain.001", "order.xml"), ("text", "order.txt")):
        content = open_file(file=batch.files.get(kind=kind), actor=MAKER, reason="test")
        (tmp_path / name).write_bytes(content)
        call_command("check_bank_file", str(tmp_path / name))
    told = capsys.readouterr().out
    assert told.count("PO20261102: 2 payments, 26.21 yuan, 2026-11-03") == 2
    call_command("sandbox_bank", str(tmp_path / "order.xml"), "--receipt", "GW-1", "12.50")
    for name in ("pain.002.xml", "camt.053.xml"):
        call_command("import_bank_statement", str(tmp_path / name), "--actor", MAKER)
    told = capsys.readouterr().out
    assert "payout batch PO20261102: sent" in told
    assert "payout: 2" in told
    assert "suspense: 1" in told  # nobody owes us 12.50
    assert PayoutBatch.objects.get().state == "settled"
    with pytest.raises(CommandError):
        call_command("import_bank_statement", str(tmp_path / "camt.053.xml"), "--actor", MAKER)
    assert "duplicate" in capsys.readouterr().out
    (tmp_path / "order.txt").write_bytes((tmp_path / "order.txt").read_bytes().replace(b"|550|", b"|551|"))
    for command, name in (
        ("check_bank_file", "order.txt"),
        ("sandbox_bank", "order.txt"),
        ("check_bank_file", "no"),
    ):
        with pytest.raises(CommandError):
            call_command(command, str(tmp_path / name))


def test_every_night_the_batch_of_the_last_cleared_date_is_drafted(cleared: date) -> None:
    assert make_payouts() == make_payouts() == "PO20261102"
    assert PayoutBatch.objects.get().state == "drafted"


def test_a_night_without_anything_to_pay_drafts_nothing(city: date) -> None:
    assert make_payouts() == ""
