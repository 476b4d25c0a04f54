"""Something about a person is wrong: asked for in the portal, put right on a proof, answered by the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.errors import PersonErased
from accounts.models import Citizen
from accounts.selectors.people import find_people
from accounts.services.citizens import create_login, reveal_citizen
from accounts.services.corrections import correct_citizen
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from citizencard.privacy.errors import AlreadyAnswered
from citizencard.privacy.models import CorrectionRequest
from citizencard.privacy.services.corrections import answer_correction, request_correction
from tests.citizencard.city import PASSWORD, make_staff
from tests.factories import make_citizen

SignIn = Callable[[str], Client]
NOW = datetime(2026, 11, 23, 10, tzinfo=SHANGHAI)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]


@pytest.fixture
def lin() -> Citizen:
    """Somebody whose document does not tell the birth date."""
    return make_citizen(document_kind="taiwan_pass", document_number="01234567")


def correct(citizen: Citizen, field: str, value: str, proof: str = "户口簿") -> Citizen:
    return correct_citizen(citizen=citizen, field=field, value=value, proof=proof, actor="clerk")


def test_what_is_put_right_is_found_and_revealed_and_not_in_the_trail(lin: Citizen) -> None:
    correct(lin, "phone", "138 5970 0099")
    lin = correct(lin, "birth", "1990-03-07")
    clear = reveal_citizen(citizen=lin, actor="clerk", reason="check")
    assert (clear.phone, str(clear.birth_date)) == ("+8613859700099", "1990-03-07")
    assert (find_people("13859700099"), find_people("13859700001")) == ([lin], [])
    entries = list(AuditEntry.objects.filter(action="citizen.correct").order_by("pk"))
    assert [entry.detail["field"] for entry in entries] == ["phone", "birth"]
    assert entries[0].detail["after"] == lin.phone_mask
    for secret in ("13859700099", "1990"):
        assert secret not in str([entry.detail for entry in entries])
    assert correct(lin, "phone", "").phone_sealed is None


@pytest.mark.parametrize(
    ("field", "value", "proof"),
    [
        ("name", "林玲", "x"),
        ("phone", "12", "x"),
        ("birth", "2999-01-01", "x"),
        ("birth", "yesterday", "x"),
        ("document", "1", "x"),
        ("phone", "13859700099", " "),
    ],
)
def test_what_cannot_be_right_is_refused(lin: Citizen, field: str, value: str, proof: str) -> None:
    with pytest.raises(InvalidField):
        correct(lin, field, value, proof)
    assert not AuditEntry.objects.filter(action="citizen.correct").exists()


def test_a_birth_date_that_the_number_tells_stays() -> None:
    with pytest.raises(InvalidField):
        correct(make_citizen(), "birth", "1990-03-07")


def test_nobody_corrects_who_is_erased(lin: Citizen) -> None:
    with pytest.raises(PersonErased):
        correct(Citizen(pk=lin.pk, erased_at=NOW), "phone", "13859700099")


def test_from_the_portal_to_the_answer(lin: Citizen, as_staff: SignIn) -> None:
    make_staff()
    portal = Client()
    portal.force_login(create_login(citizen=lin, password=PASSWORD))
    assert "得到答复" in portal.post("/privacy/correction/", {"field": "phone"}, follow=True).content.decode()
    assert portal.post("/privacy/correction/", {"field": "salary"}, follow=True).status_code == 200
    row = CorrectionRequest.objects.get()
    clerk = as_staff("clerk")
    step = {"field": "phone", "value": "13859700099", "reason": "营业厅业务单"}
    clerk.post(reverse("admin:accounts_citizen_correct", args=[lin.pk]), step)
    clerk.post(
        reverse("admin:privacy_correctionrequest_give_answer", args=[row.pk]), {"reason": "已于今日更正"}
    )
    assert "已于今日更正" in portal.get("/privacy/").content.decode()
    assert "更正" in portal.get("/notices/").content.decode()
    assert find_people("13859700099") == [lin]


def test_one_is_under_way_and_answered_once(lin: Citizen) -> None:
    row = request_correction(citizen=lin, field="name", actor="citizen", now=NOW)
    assert row.due_on == NOW.date() + timedelta(days=15)
    assert request_correction(citizen=lin, field="name", actor="citizen", now=NOW) == row
    for answer in (" ", "x" * 501):
        with pytest.raises(InvalidField):
            answer_correction(request=row, answer=answer, actor="clerk", now=NOW)
    with pytest.raises(IntegrityError, match="answered_whole"), transaction.atomic():
        CorrectionRequest.objects.update(answered_at=NOW)
    answer_correction(request=row, answer="done", actor="clerk", now=NOW)
    with pytest.raises(AlreadyAnswered):
        answer_correction(request=row, answer="done", actor="clerk", now=NOW)
