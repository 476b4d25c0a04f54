"""Somebody is erased: not while anything is under way, by two people, and then nothing leads to them; the books stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.errors import ErasureBlocked, PersonErased
from accounts.models import Card, Citizen, IdentityDocument, Mandate, Notice, Purse
from accounts.selectors import invariants
from accounts.selectors.people import find_people
from accounts.services.cards import close_card
from accounts.services.citizens import create_login, reveal_citizen
from accounts.services.notices import notify
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.models import BusinessDay
from citizencard.privacy.errors import IllegalErasureStep
from citizencard.privacy.models import ErasureRequest
from citizencard.privacy.selectors.tables import FATES, Fate, rows_of, tables
from citizencard.privacy.services.copies import copy_at_counter
from citizencard.privacy.services.erasures import (
    approve_erasure,
    check_erasure,
    refuse_erasure,
    request_erasure,
)
from tests.citizencard.city import PASSWORD, City, make_staff
from tests.factories import document_number, make_card, make_citizen

SignIn = Callable[[str], Client]
NOW = datetime(2026, 11, 23, 10, tzinfo=SHANGHAI)
NUMBER = document_number()
pytestmark = pytest.mark.django_db


@pytest.fixture
def lin(_quick_passwords: None, open_day: BusinessDay) -> Citizen:
    """Somebody with a closed card, a login and a message."""
    make_staff()
    citizen = make_citizen(document_number=NUMBER)
    close_card(card=make_card(citizen=citizen), actor="clerk", reason="moved away", occurred_at=NOW)
    create_login(citizen=citizen, password=PASSWORD)
    notify(citizen.pk, Notice.Code.LEVEL_LOWERED)
    return citizen


def asked(citizen: Citizen) -> ErasureRequest:
    return request_erasure(citizen=citizen, actor="citizen", now=NOW)


def erased(citizen: Citizen) -> ErasureRequest:
    request = check_erasure(request=asked(citizen), actor="clerk", proof="本人持身份证", now=NOW)
    return approve_erasure(request=request, actor="supervisor", now=NOW)


def test_afterwards_nothing_leads_to_the_person_and_the_books_stand(lin: Citizen) -> None:
    before = {model: rows_of(lin, model).count() for model in tables()}
    erased(lin)
    lin.refresh_from_db()
    assert (bytes(lin.name_sealed), lin.name_index, lin.birth_sealed, lin.phone_index) == (
        b"",
        None,
        None,
        None,
    )
    assert (lin.name_mask, lin.document_mask, lin.phone_mask) == ("*", "*", "")
    assert find_people(NUMBER) == []
    assert not lin.user.is_active
    assert IdentityDocument.objects.get().mask == "*"
    for model, rows in before.items():
        now = rows_of(lin, model).count()
        assert now == 0 if FATES[model._meta.label] is Fate.REMOVED else now >= rows, model
    assert Card.objects.get().citizen == lin
    assert invariants.broken() == []
    with pytest.raises(PersonErased):
        reveal_citizen(citizen=lin, actor="clerk", reason="x")
    with pytest.raises(PersonErased):
        copy_at_counter(citizen=lin, actor="clerk", reason="x", now=NOW)
    with pytest.raises(PersonErased):
        asked(lin)
    assert make_citizen(document_number=NUMBER) != lin


def test_who_has_money_or_a_card_is_told_what_to_do_first(city: City, as_citizen: Client) -> None:
    with pytest.raises(ErasureBlocked) as refusal:
        asked(city.citizen)
    assert len(refusal.value.data["blockers"]) == 3  # a card, its money, and a top-up that is not loaded
    assert "申请退款" in as_citizen.get("/privacy/erasure/").content.decode()
    assert as_citizen.post("/privacy/erasure/").status_code == 409
    assert not ErasureRequest.objects.exists()


def test_what_begins_meanwhile_stops_it(lin: Citizen) -> None:
    request = check_erasure(request=asked(lin), actor="clerk", proof="x", now=NOW)
    Mandate.objects.create(
        reference="M1", citizen=lin, purse=Purse.objects.get(), amount_fen=100, threshold_fen=100, day_cap_fen=100,
        month_cap_fen=100, requested_at=NOW,
    )  # fmt: skip
    with pytest.raises(ErasureBlocked):
        approve_erasure(request=request, actor="supervisor", now=NOW)
    lin.refresh_from_db()
    assert lin.erased_at is None


def test_two_people_and_each_step_once(lin: Citizen) -> None:
    request = asked(lin)
    assert asked(lin).pk == request.pk
    with pytest.raises(IllegalErasureStep):
        approve_erasure(request=request, actor="supervisor", now=NOW)
    with pytest.raises(InvalidField):
        check_erasure(request=request, actor="clerk", proof=" ", now=NOW)
    check_erasure(request=request, actor="clerk", proof="x", now=NOW)
    for actor in ("clerk", "citizen"):
        with pytest.raises(MakerIsChecker):
            approve_erasure(request=request, actor=actor, now=NOW)
    with pytest.raises(InvalidField):
        refuse_erasure(request=request, actor="supervisor", answer=" ", now=NOW)
    refuse_erasure(request=request, actor="supervisor", answer="不是本人", now=NOW)
    with pytest.raises(IllegalErasureStep):
        approve_erasure(request=request, actor="supervisor", now=NOW)
    with pytest.raises(IntegrityError, match="erasure_by_two"), transaction.atomic():
        ErasureRequest.objects.filter(pk=request.pk).update(state="done", decided_by="clerk", decided_at=NOW)
    assert lin.erasure_requests.count() == 1


def test_from_the_portal_to_the_supervisor(lin: Citizen, as_staff: SignIn) -> None:
    portal = Client()
    portal.force_login(lin.user)
    assert "待核实" in portal.post("/privacy/erasure/", follow=True).content.decode()
    row = ErasureRequest.objects.get()
    page = "admin:privacy_erasurerequest_{}"
    clerk, boss = as_staff("clerk"), as_staff("supervisor")
    assert clerk.post(reverse(page.format("approve"), args=[row.pk])).status_code == 403
    clerk.post(reverse(page.format("confirm"), args=[row.pk]), {"reason": "本人持身份证到场"})
    boss.post(reverse(page.format("approve"), args=[row.pk]))
    lin.refresh_from_db()
    assert lin.erased_at is not None
    assert portal.get("/privacy/").status_code == 302
    shown = clerk.get(reverse("admin:accounts_citizen_change", args=[lin.pk])).content.decode()
    assert "reveal/" not in shown


def test_records_merged_into_ones_own_go_with_it(lin: Citizen) -> None:
    other = make_citizen(document_kind="taiwan_pass", document_number="01234567")
    Citizen.objects.filter(pk=other.pk).update(merged_into=lin)
    erased(lin)
    other.refresh_from_db()
    assert other.erased_at is not None


def test_the_database_lets_nobody_half_erased_stand(lin: Citizen) -> None:
    with pytest.raises(IntegrityError, match="erased_citizen_is_nobody"), transaction.atomic():
        Citizen.objects.filter(pk=lin.pk).update(erased_at=NOW)
