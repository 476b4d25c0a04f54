"""What is kept for how long: nothing younger than its rule goes, nothing held goes, and without a rule nothing goes at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.errors import ErasureBlocked
from accounts.models import Citizen, Notice
from accounts.services.notices import notify
from citizencard.bridge.models import PairingCode, Workstation
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from citizencard.models import SignInAttempts
from citizencard.privacy.models import LegalHold, PrivacyRule
from citizencard.privacy.selectors.retention import KINDS, due
from citizencard.privacy.services.erasures import request_erasure
from citizencard.privacy.services.retention import apply_retention, place_hold, release_hold
from citizencard.privacy.services.rules import propose_privacy_rule
from tests.citizencard.city import City, make_staff
from tests.factories import make_citizen

SignIn = Callable[[str], Client]
Subject = PrivacyRule.Subject
NOW = datetime(2026, 11, 23, 3, 30, tzinfo=SHANGHAI)
DAYS = 200
pytestmark = pytest.mark.django_db


def rule(subject: str, days: int = DAYS) -> PrivacyRule:
    return PrivacyRule.objects.create(
        subject=subject, days=days, valid_from=NOW.date(), legal_basis="x", maker="a", checker="b", checked_at=NOW, state="approved"
    )  # fmt: skip


def attempt(citizen: Citizen, at: datetime) -> None:
    SignInAttempts.objects.create(subject=f"{at:%s}", attempts=1, last_at=at)


def session(citizen: Citizen, at: datetime) -> None:
    Session.objects.create(session_key=f"{at:%s}", session_data="", expire_date=at)


def pairing(citizen: Citizen, at: datetime) -> None:
    PairingCode.objects.create(digest=f"{at:%s}", name="x", created_by="clerk", expires_at=at)


def notice(citizen: Citizen, at: datetime) -> None:
    made = notify(citizen.pk, Notice.Code.LEVEL_LOWERED)
    Notice.objects.filter(pk=made.pk).update(created_at=at)


MAKE: dict[str, Callable[[Citizen, datetime], None]] = {
    Subject.ATTEMPTS: attempt, Subject.SESSIONS: session, Subject.PAIRING: pairing, Subject.NOTICES: notice,
}  # fmt: skip


@pytest.fixture
def lin() -> Citizen:
    return make_citizen()


def rows(subject: str) -> int:
    return KINDS[subject].older_than(NOW + timedelta(days=9)).count()


def test_every_kind_is_in_the_matrix() -> None:
    assert set(MAKE) == set(KINDS)


@pytest.mark.parametrize("subject", MAKE)
def test_what_is_over_its_time_goes_and_nothing_else(lin: Citizen, subject: str) -> None:
    ages = {
        timedelta(days=DAYS, seconds=1): True,
        timedelta(days=DAYS): False,
        timedelta(days=DAYS - 1): False,
    }
    for age in ages:
        MAKE[subject](lin, NOW - age)
    assert apply_retention(now=NOW) == {}
    rule(subject)
    assert apply_retention(now=NOW - timedelta(days=1)) == {}
    assert apply_retention(now=NOW) == {subject: 1}
    assert rows(subject) == 2
    assert apply_retention(now=NOW) == {}
    assert apply_retention(now=NOW + timedelta(seconds=1)) == {subject: 1}
    assert [entry.detail["rows"] for entry in AuditEntry.objects.filter(action="retention.remove")] == [1, 1]


@pytest.mark.parametrize("subject", MAKE)
def test_a_legal_hold_wins(lin: Citizen, subject: str) -> None:
    MAKE[subject](lin, NOW - timedelta(days=DAYS + 1))
    rule(subject)
    hold = place_hold(subject=subject, reason="court", actor="li", now=NOW)
    assert apply_retention(now=NOW) == {}
    assert due(subject, now=NOW).held.count() == 1
    with pytest.raises(MakerIsChecker):
        release_hold(hold=hold, actor="li", now=NOW)
    with pytest.raises(IntegrityError, match="released_by_another"), transaction.atomic():
        LegalHold.objects.update(released_by="li", released_at=NOW)
    release_hold(hold=hold, actor="wang", now=NOW)
    assert apply_retention(now=NOW) == {subject: 1}


def test_what_is_held_of_one_person_leaves_the_others(lin: Citizen) -> None:
    other = make_citizen(document_kind="taiwan_pass", document_number="01234567")
    for each in (lin, other):
        notice(each, NOW - timedelta(days=DAYS + 1))
    rule(Subject.NOTICES)
    place_hold(subject="", reason="court", actor="li", now=NOW, citizen=lin)
    assert apply_retention(now=NOW) == {Subject.NOTICES: 1}
    assert Notice.objects.get().citizen == lin
    with pytest.raises(ErasureBlocked):
        request_erasure(citizen=lin, actor="citizen", now=NOW)


def test_codes_that_were_used_stay(lin: Citizen) -> None:
    pairing(lin, NOW - timedelta(days=DAYS + 1))
    known = Workstation.objects.create(name="x", public_key=bytes(32), paired_by="clerk", paired_at=NOW)
    PairingCode.objects.update(workstation=known)
    rule(Subject.PAIRING)
    assert apply_retention(now=NOW) == {}


def test_a_rule_cannot_be_shorter_than_the_law() -> None:
    with pytest.raises(InvalidField, match="183"):
        propose_privacy_rule(
            subject=Subject.NOTICES,
            days=182,
            valid_from=NOW.date().replace(year=2099),
            legal_basis="x",
            maker="a",
        )
    for wrong in ({"subject": "x"}, {"reason": " "}):
        given: dict[str, Any] = {"subject": "", "reason": "court"} | wrong
        with pytest.raises(InvalidField):
            place_hold(actor="li", now=NOW, **given)


def test_the_command_lists_and_removes(lin: Citizen) -> None:
    notice(lin, NOW - timedelta(days=DAYS + 1))
    rule(Subject.NOTICES)
    for words, left in (["--dry-run"], 1), ([], 0):
        printed = StringIO()
        with patch("citizencard.management.commands.retention.timezone.now", return_value=NOW):
            call_command("retention", *words, stdout=printed)
        assert str(DAYS) in printed.getvalue()
        assert Notice.objects.count() == left


@pytest.mark.usefixtures("_quick_passwords")
def test_a_hold_is_placed_and_released_in_the_office(as_staff: SignIn) -> None:
    make_staff()
    boss = as_staff("supervisor")
    boss.post(reverse("admin:privacy_legalhold_place"), {"subject": "notices", "reason": "法院要求"})
    hold = LegalHold.objects.get()
    boss.post(reverse("admin:privacy_legalhold_release", args=[hold.pk]))
    hold.refresh_from_db()
    assert (hold.placed_by, hold.released_at) == ("supervisor", None)


def test_old_places_are_not_shown_and_not_lost(city: City, as_citizen: Client) -> None:
    page = f"/cards/{city.card.pk}/"
    assert "泉州市第一医院" in as_citizen.get(page).content.decode()
    PrivacyRule.objects.create(
        subject=Subject.PLACES, days=1, valid_from=city.cleared, legal_basis="x", maker="a", checker="b", checked_at=NOW,
        state="approved",
    )  # fmt: skip
    shown = as_citizen.get(page).content.decode()
    assert "泉州市第一医院" not in shown
    assert "医院" in shown
