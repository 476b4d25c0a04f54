"""Whose data were seen: by time, by whom, by field."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Citizen, DataAccess
from citizencard.core.calendar import SHANGHAI
from citizencard.core.models import AuditEntry
from tests.factories import make_citizen

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 23, 12, tzinfo=SHANGHAI)
What = DataAccess.What


@pytest.fixture
def people() -> list[Citizen]:
    lin, chen, wu = (
        make_citizen(document_kind="taiwan_pass", document_number=f"0123456{last}") for last in range(3)
    )
    looks = [
        (lin, "li", NOON, ["name", "phone"], What.REVEALED),
        (lin, "li", NOON + timedelta(minutes=5), ["name"], What.WRITTEN),
        (chen, "wang", NOON, ["document"], What.REVEALED),
        (wu, "li", NOON, ["record"], What.OPENED),
        (wu, "li", NOON + timedelta(days=1), ["all"], What.EXPORTED),
    ]
    DataAccess.objects.bulk_create(
        DataAccess(citizen=who, actor=actor, at=at, fields=fields, what=what, ground="x")
        for who, actor, at, fields, what in looks
    )
    return [lin, chen, wu]


def listed(*words: str) -> list[dict[str, str]]:
    printed = StringIO()
    call_command("breach_list", *words, stdout=printed, stderr=StringIO())
    return list(csv.DictReader(StringIO(printed.getvalue())))


def test_the_list_is_of_who_was_seen_in_clear_in_that_time(people: list[Citizen]) -> None:
    lin, chen, wu = (str(each.pk) for each in people)
    day = ["2026-11-23", "2026-11-24"]
    found = listed(*day)
    assert [(row["citizen"], row["looks"], row["fields"]) for row in found] == [
        (lin, "2", "name phone"), (chen, "1", "document"),
    ]  # fmt: skip
    assert found[0]["first"] == "2026-11-23T12:00:00+08:00"
    assert "01234560" not in str(found)
    assert [row["citizen"] for row in listed(*day, "--actor", "wang")] == [chen]
    assert [row["citizen"] for row in listed("2026-11-23", "2026-11-30", "--field", "phone")] == sorted(
        [lin, wu]
    )
    assert [row["citizen"] for row in listed("2026-11-23T04:05+00:00", "2026-11-24")] == [lin]
    assert listed("2026-11-20", "2026-11-21") == []
    taken = AuditEntry.objects.filter(action="privacy.breach_list").first()
    assert taken is not None
    assert taken.detail["people"] == 2


def test_a_time_that_ends_before_it_begins_is_refused(people: list[Citizen]) -> None:
    with pytest.raises(CommandError):
        listed("2026-11-24", "2026-11-23")
    with pytest.raises(CommandError):
        listed("yesterday", "2026-11-23")
