"""Reconciliation in the office: finance proposes, a supervisor agrees, the auditor reads and takes the evidence away."""

from __future__ import annotations

from datetime import date
from html import unescape

import pytest

from citizencard.core.models import AuditEntry
from citizencard.office.roles import AUDITOR, CLERK, FINANCE, SUPERVISOR
from citizencard.sandbox.bank import Booking
from settlement.models import Difference
from settlement.services.reconciling import reconcile_due_days
from tests.citizencard.office.test_bank import ADDRESS, cleared, done, signed_in
from tests.settlement.bank.bank import debits, sent, take
from tests.settlement.small_city import DAY

pytestmark = pytest.mark.django_db
__all__ = ["cleared"]


@pytest.fixture
def unpaid(cleared: date) -> Difference:
    """A payout that the bank's statement does not show, beside what is held of the small city's day."""
    take([debits(sent())[0], Booking(77, note="谁的")])
    reconcile_due_days()
    return Difference.objects.get(kind="missing_at_bank")


def test_two_people_decide_and_the_history_says_so(unpaid: Difference) -> None:
    wang, zhao = signed_in("wang", FINANCE), signed_in("zhao", SUPERVISOR)
    here = f"difference/{unpaid.pk}"
    page = wang.get(f"{ADDRESS}/{here}/change/").content.decode()
    assert "20.71" in page
    assert f"{here}/approve" not in page
    done(wang, f"{here}/propose", reason="银行漏记")
    assert wang.post(f"{ADDRESS}/{here}/approve/", {}).status_code == 403
    done(zhao, f"{here}/disagree", reason="再问一次")
    done(wang, f"{here}/propose", reason="银行已确认付款")
    assert "zhao" in done(zhao, f"{here}/approve")
    unpaid.refresh_from_db()
    assert (unpaid.state, unpaid.decided_by) == ("resolved", "zhao")
    assert "银行已确认付款" in zhao.get(f"{ADDRESS}/{here}/change/").content.decode()


def test_a_date_shows_three_columns_and_its_differences(unpaid: Difference) -> None:
    page = unescape(
        signed_in("shen", AUDITOR).get(f"{ADDRESS}/reconciliation/{DAY}/change/").content.decode()
    )
    assert "26.21" in page  # ordered for payout
    assert "5.50" in page  # booked by the bank
    assert f"kind__exact=hot_listed&business_date={DAY}" in page


@pytest.mark.parametrize(
    ("asked", "count"),
    [("", 5), ("stands=open", 5), ("stands=over", 0), ("stands=late", 2), ("leg=bank", 2), ("leg=ledger", 3), ("leg=x", 0),
     ("days=30", 0), ("days=x", 0), (f"kind__exact=hot_listed&business_date={DAY}", 1)],
)  # fmt: skip
def test_the_list_is_filtered(unpaid: Difference, asked: str, count: int) -> None:
    page = signed_in("shen", AUDITOR).get(f"{ADDRESS}/difference/?{asked}").content.decode()
    assert (
        sum(f"/difference/{pk}/change/" in page for pk in Difference.objects.values_list("pk", flat=True))
        == count
    )


def test_the_evidence_is_one_click_away_and_the_click_is_on_record(unpaid: Difference) -> None:
    auditor = signed_in("shen", AUDITOR)
    answers = [auditor.get(f"{ADDRESS}/difference/{unpaid.pk}/evidence/") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[0]["Content-Type"] == "application/zip"
    assert AuditEntry.objects.filter(action="difference.evidence", actor="shen").count() == 2
    for other in Difference.objects.exclude(pk=unpaid.pk):
        assert auditor.get(f"{ADDRESS}/difference/{other.pk}/evidence/").status_code == 200
    assert auditor.get(f"{ADDRESS}/difference/{unpaid.pk}/propose/").status_code == 403
    assert signed_in("chen", CLERK).get(f"{ADDRESS}/difference/{unpaid.pk}/evidence/").status_code == 403


def test_the_overview_counts_what_is_open(unpaid: Difference) -> None:
    page = signed_in("wang", FINANCE).get("/office/").content.decode()
    assert "settlement/difference/?stands=late" in page
