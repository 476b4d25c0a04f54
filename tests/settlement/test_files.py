"""Signed settlement files: made with the clearing, the same at any time, and refused when the books give something else."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction

from benchmarks.city import Purchase, tap
from citizencard.core.errors import KeyServiceUnavailable
from settlement.errors import FilesDiffer
from settlement.exports import stable_archive
from settlement.models import SettlementFiles
from settlement.selectors.merchant_files import statement_file
from settlement.selectors.proofs import published_keys
from settlement.services import files as files_service
from settlement.services.adjustments import check_adjustment, propose_adjustment
from settlement.services.clearing import clear_day
from settlement.services.files import settlement_files, sign_due_files
from terminals.models import Merchant
from tests.settlement.rules import ADJUSTMENTS, in_force
from tests.settlement.small_city import NEXT_DAY
from tests.settlement.test_proving import execute


def of(code: str, day: date) -> SettlementFiles:
    return SettlementFiles.objects.get(statement__merchant__code=code, statement__run=day)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_each_merchant_gets_its_statement_and_its_transfers(city: date) -> None:
    clear_day(day=city)
    statement, transfers, manifest = settlement_files(of("M00002", city)).values()
    assert rows(statement)[1] == [
        "2026-11-02",
        "M00002",
        "14",
        "3",
        "0",
        "0",
        "2074",
        "3",
        "2071",
        "1",
        "500",
        "0",
    ]
    found = rows(transfers)[1:]
    assert [(row[1], row[3], row[4], row[6], row[7]) for row in found] == [
        ("10", "1999", "0", "TM00002", "1"),
        ("12", "75", "0", "TM00002", "3"),
        ("20", "0", "3", "", ""),
        ("21", "0", "2071", "", ""),
    ]
    totals = json.loads(manifest)["manifest"]["totals"]
    assert (totals["rows"], totals["credit_fen"], totals["debit_fen"], totals["net_fen"]) == (
        4,
        2074,
        2074,
        2071,
    )
    assert rows(settlement_files(of("M00003", city))["2026-11-02-M00003-transfers.csv"])[1:] == []
    assert {key["purpose"] for key in published_keys()["keys"]} == {"settlement_file", "tree_head"}


def test_the_same_files_are_the_same_bytes_at_any_time(city: date) -> None:
    clear_day(day=city)
    before = stable_archive(settlement_files(of("M00001", city)))
    tap(NEXT_DAY, [Purchase(1, 1, 100)])
    clear_day(day=NEXT_DAY)
    assert sign_due_files() == []
    assert stable_archive(settlement_files(of("M00001", city))) == before
    assert SettlementFiles.objects.count() == 4


def test_an_adjustment_stands_in_the_file_and_in_its_totals(city: date) -> None:
    in_force(ADJUSTMENTS, "adjustments")
    merchant = Merchant.objects.get(code="M00001")
    adjustment = propose_adjustment(
        merchant=merchant, amount_fen=-50, against="6001", reason="penalty", evidence="调-1", maker="a"
    )
    check_adjustment(adjustment=adjustment, checker="b", roles={"supervisor"})
    clear_day(day=city)
    statement, _transfers, manifest = settlement_files(of("M00001", city)).values()
    assert dict(zip(*rows(statement), strict=True))["调账金额（分）"] == "-50"
    signed = json.loads(manifest)["manifest"]
    assert signed["totals"]["adjusted_fen"] == -50


def test_files_signed_in_the_first_format_come_out_as_they_were(city: date) -> None:
    clear_day(day=city)
    files = of("M00002", city)
    manifest = json.loads(bytes(files.manifest))
    first = statement_file(files.statement, form=1)
    assert len(rows(first)[1]) == 11
    del manifest["totals"]["adjusted_fen"]
    manifest["files"][0] |= {"bytes": len(first), "sha256": hashlib.sha256(first).hexdigest()}
    files.manifest = json.dumps(manifest).encode()
    assert next(iter(settlement_files(files).values())) == first


def test_files_that_come_out_differently_are_not_given_out(city: date) -> None:
    clear_day(day=city)
    execute("UPDATE accounts_transfer SET occurred_at = occurred_at + interval '1 s' WHERE kind = 12")
    with pytest.raises(FilesDiffer, match="M00002"):
        settlement_files(of("M00002", city))
    settlement_files(of("M00001", city))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE settlement_settlementfiles SET manifest = ''")


def test_what_could_not_be_signed_at_night_is_signed_later(
    city: date, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(role: str) -> None:
        raise KeyServiceUnavailable

    with monkeypatch.context() as night:
        night.setattr(files_service, "key_service", away)
        assert clear_day(day=city).state == "cleared"
    assert "sign_due_files" in caplog.text
    assert not SettlementFiles.objects.exists()
    assert sign_due_files() == [city]
    assert SettlementFiles.objects.count() == 3
