"""A holder reports a card lost in the portal; the next list that terminals fetch has it."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Card
from accounts.services.citizens import give_consent
from accounts.services.guardians import appoint_guardian
from terminals.models import HotListEntry, LossReport
from terminals.selectors.hotlist import packed_list
from terminals.services.policies import publish_hot_list_policy
from terminals.services.publishing import publish_hot_list
from terminals.services.replacing import replace_and_list
from tests.citizencard.portal.household import Resident
from tests.factories import NOON, make_card, make_citizen, make_product

pytestmark = pytest.mark.django_db


def test_a_lost_card_is_on_the_list_at_once(lin: Resident) -> None:
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1),
        promise_minutes=30,
        grace_minutes=10,
        legal_basis="挂失办法",
        actor="city",
    )
    path = f"/cards/{lin.card.pk}/lost/"
    assert path in lin.client.get("/").content.decode()
    shown = lin.client.get(path).content.decode()
    assert "30分钟之后" in shown
    assert "挂失办法" in shown
    assert not HotListEntry.objects.exists()
    assert lin.client.post(path, {"kind": "formal"}).status_code == 302
    assert Card.objects.get(pk=lin.card.pk).state == Card.State.LOST
    assert HotListEntry.objects.get().listed_by == f"citizen:{lin.citizen.pk}"
    publish_hot_list()
    assert packed_list(None).get(lin.card.pan) is not None
    report = LossReport.objects.get()
    assert (report.kind, report.channel) == ("formal", "portal")
    told = lin.client.get(path).content.decode()
    assert report.number in told
    assert f"{timezone.localtime(report.effective_at):%Y-%m-%d %H:%M:%S}" in told
    assert lin.client.post(path, {"kind": "formal"}).status_code == 302
    assert (HotListEntry.objects.count(), LossReport.objects.count()) == (1, 1)
    lin.client.post(path.replace("lost", "found"))
    assert Card.objects.get(pk=lin.card.pk).state == Card.State.LOST


def test_a_card_missed_for_now_is_found_again_or_lost_for_good(lin: Resident) -> None:
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1),
        promise_minutes=30,
        grace_minutes=10,
        legal_basis="挂失办法",
        actor="city",
    )
    path = f"/cards/{lin.card.pk}/lost/"
    lin.client.post(path, {"kind": "temporary"})
    told = lin.page(path)
    assert "口头挂失" in told
    assert f"/cards/{lin.card.pk}/found/" in told
    assert "已口头挂失" in lin.page("/")
    assert lin.client.post(f"/cards/{lin.card.pk}/found/")["Location"] == "/"
    assert Card.objects.get(pk=lin.card.pk).state == Card.State.ACTIVE
    for kind in ("temporary", "formal"):
        lin.client.post(path, {"kind": kind})
    assert Card.objects.get(pk=lin.card.pk).state == Card.State.LOST


def test_the_page_says_where_another_card_is_had_and_when_its_money_follows(lin: Resident) -> None:
    path = f"/cards/{lin.card.pk}/lost/"
    lin.client.post(path, {"kind": "formal"})
    assert "服务大厅" in lin.page(path)
    made = replace_and_list(card=lin.card, cause="lost", actor="clerk", occurred_at=timezone.now())
    told = lin.page(path)
    assert made.new.pan[-4:] in told
    assert made.new.pan not in told
    assert path in lin.page("/")


def test_nobody_reports_the_card_of_another_or_one_that_is_not_held(lin: Resident, client: Client) -> None:
    path = f"/cards/{lin.card.pk}/lost/"
    assert client.post(path).status_code == 302
    assert lin.client.post("/cards/999999/lost/").status_code == 404
    Card.objects.filter(pk=lin.card.pk).update(state=Card.State.CLOSED)
    refused = lin.client.post(path, {"kind": "formal"})
    assert refused.status_code == 409
    assert not HotListEntry.objects.exists()


def test_a_guardian_reports_a_childs_card(lin: Resident, chen: Resident) -> None:
    child = make_citizen(
        document_kind="taiwan_pass", document_number="01234567", birth_date=date(2018, 5, 5), consent=False
    )
    appoint_guardian(guardian=lin.citizen, ward=child, proof="register", actor="clerk", occurred_at=NOON)
    give_consent(citizen=child, purpose="card", actor="clerk", guardian=lin.citizen)
    card = make_card(product=make_product(code="child", real_name=True), citizen=child)
    path = f"/cards/{card.pk}/lost/"
    assert path in lin.page("/family/")
    assert chen.client.post(path, {"kind": "formal"}).status_code == 404
    lin.client.post(path, {"kind": "formal"})
    report = LossReport.objects.get(card=card)
    assert report.reported_by == f"citizen:{lin.citizen.pk}"
    assert "正式挂失" in lin.page(path)
