"""A copy of everything on record: every table has a word, nothing of others, no secrets; in the portal and at the counter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Citizen, DataAccess
from citizencard.core.models import AuditEntry
from citizencard.privacy.selectors.diary import diary_of
from citizencard.privacy.selectors.tables import FATES, WITHHELD, tables
from tests.citizencard.city import City

SignIn = Callable[[str], Client]


def test_every_table_that_knows_a_person_has_a_word_here() -> None:
    """A new foreign key that leads to a citizen fails here until somebody says what is given out and what erasure does."""
    known = {model._meta.label for model in tables()}
    assert known - set(FATES) == set()
    assert set(FATES) - known == set()
    assert set(WITHHELD) <= known


@pytest.mark.django_db
def test_a_citizen_takes_everything_and_nothing_of_others(city: City, as_citizen: Client) -> None:
    assert as_citizen.get("/privacy/copy.json").status_code == 405
    answer = as_citizen.post("/privacy/copy.json")
    text = answer.content.decode()
    copy: dict[str, Any] = json.loads(text)
    assert copy["person"]["name"] == "林美玲"
    assert copy["person"]["documents"] == [{"kind": "居民身份证", "number": city.document}]
    rows = {label: len(table["rows"]) for label, table in copy["tables"].items()}
    assert (rows["accounts.Card"], rows["accounts.Purse"], rows["accounts.Consent"]) == (1, 1, 1)
    assert rows["accounts.Transfer"] > 5
    assert rows["terminals.Tap"] >= 7
    assert city.card.pan in text
    for secret in (
        city.neighbour_document,
        city.neighbours_card.pan,
        str(city.neighbour.pk),
        "pbkdf2",
        "md5$",
        "clerk",
    ):
        assert secret not in text, secret
    assert set(copy["withheld"]) == set(WITHHELD)
    assert AuditEntry.objects.get(action="privacy.copy").actor == f"citizen:{city.citizen.pk}"
    page = as_citizen.post("/privacy/copy/").content.decode()
    assert city.document in page
    assert "我的信息" in page


@pytest.mark.django_db
def test_at_the_counter_it_needs_a_reason_and_stands_in_the_diary(city: City, as_staff: SignIn) -> None:
    clerk, url = as_staff("clerk"), reverse("admin:accounts_citizen_copy", args=[city.citizen.pk])
    assert city.document not in clerk.post(url, {"reason": " "}).content.decode()
    assert not diary_of(city.citizen).filter(what=DataAccess.What.EXPORTED).exists()
    answer = clerk.post(url, {"reason": "本人书面申请"})
    assert answer["Content-Disposition"].endswith('.json"')
    assert json.loads(answer.content)["person"]["documents"][0]["number"] == city.document
    seen = diary_of(city.citizen).get(what=DataAccess.What.EXPORTED)
    assert (seen.fields, seen.ground, seen.role) == (["all"], "本人书面申请", "clerk")
    assert as_staff("supervisor").post(url, {"reason": "x"}).status_code == 403
    assert Citizen.objects.count() == 2
