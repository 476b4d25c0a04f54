"""The auditor looks through the trail, reads one entry with its place in the chain, and takes entries away as a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from unittest.mock import patch

import openpyxl
import pytest
from django.db import connection
from django.test import Client

from citizencard.core.audit import called_from, record_audit
from citizencard.core.calendar import SHANGHAI
from citizencard.core.models import AuditEntry
from tests.citizencard.city import make_staff

SignIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db
PAN = "3104397000000000017"


@pytest.fixture
def auditor(_quick_passwords: None, as_staff: SignIn) -> Client:
    make_staff()
    with called_from("192.0.2.7"):
        made = [
            (23, "li", "card.replace", f"card:{PAN}", {"reason": "=HYPERLINK(1)"}),
            (24, "wang", "card.damage", "card:1", {"before": "active", "reason": "折断"}),
            (25, "li", "refund.approve", "refund:9", {"card": PAN}),
        ]
        for day, actor, action, subject, detail in made:
            noon = datetime(2026, 11, day, 12, tzinfo=SHANGHAI)
            with patch("citizencard.core.audit.timezone.now", return_value=noon):
                record_audit(actor=actor, action=action, subject=subject, detail=detail)
    return as_staff("auditor")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"card.replace", "card.damage", "refund.approve"}),
        ({"actor": "li"}, {"card.replace", "refund.approve"}),
        ({"action": "card."}, {"card.replace", "card.damage"}),
        ({"subject": "refund:9"}, {"refund.approve"}),
        ({"words": "折断"}, {"card.damage"}),
        ({"first": "2026-11-24", "last": "2026-11-24"}, {"card.damage"}),
        ({"first": "no date", "actor": "\x00li"}, {"card.replace", "refund.approve"}),
        ({"before": "999999999999999999999"}, {"card.replace", "card.damage", "refund.approve"}),
    ],
)
def test_entries_are_found_by_what_they_say(auditor: Client, asked: dict[str, str], found: set[str]) -> None:
    page = auditor.get("/office/audit/", asked).content.decode()
    assert {action for action in ("card.replace", "card.damage", "refund.approve") if action in page} == found
    assert PAN not in page


def test_long_lists_go_on_where_the_page_before_ended(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citizencard.office.audit_pages.SHOWN", 2)
    second = AuditEntry.objects.order_by("-pk")[1].pk
    assert f"before={second}" in auditor.get("/office/audit/").content.decode()
    page = auditor.get("/office/audit/", {"before": second}).content.decode()
    assert "card.replace" in page
    assert "card.damage" not in page


def test_what_is_taken_away_is_masked_safe_and_itself_an_entry(auditor: Client) -> None:
    csv = auditor.get("/office/audit/csv/", {"actor": "li"}).content.decode()
    assert "refund.approve" in csv
    assert "card.damage" not in csv
    assert PAN not in csv
    assert "192.0.2.7" in csv
    book = openpyxl.load_workbook(io.BytesIO(auditor.get("/office/audit/xlsx/", {"actor": "li"}).content))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row]
    assert any("HYPERLINK" in str(cell.value) for cell in cells)
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    taken = AuditEntry.objects.filter(action="audit.export").first()
    assert taken is not None
    assert (taken.actor, taken.detail) == (
        "auditor", {"format": "csv", "entries": 2, "filter": {"actor": "li"}},
    )  # fmt: skip
    assert auditor.get("/office/audit/pdf/").status_code == 404


def test_too_much_is_not_taken_away(auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citizencard.office.audit_pages.EXPORT_MAX", 2)
    assert auditor.get("/office/audit/csv/").status_code == 302
    assert not AuditEntry.objects.filter(action="audit.export").exists()


def test_one_entry_shows_how_it_stands_in_the_chain(auditor: Client) -> None:
    first, second, _third = AuditEntry.objects.order_by("pk")
    page = f"/office/core/auditentry/{second.pk}/change/"
    assert "断裂" not in auditor.get(page).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditentry DISABLE TRIGGER append_only")
        cursor.execute("DELETE FROM core_auditentry WHERE id = %s", [first.pk])
        cursor.execute("ALTER TABLE core_auditentry ENABLE TRIGGER append_only")
    assert "断裂" in auditor.get(page).content.decode()


@pytest.mark.parametrize("role", ["clerk", "finance", "supervisor"])
def test_nobody_but_the_auditor_reads_the_trail(auditor: Client, as_staff: SignIn, role: str) -> None:
    assert as_staff(role).get("/office/audit/").status_code == 403
    assert as_staff(role).get("/office/audit/csv/").status_code == 403
