"""Fares in the office: a file is proposed by one officer, looked at with its sample prices, and published by another."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Concession, User
from terminals.models import FareDocument, FareProposal
from tests.citizencard.city import PASSWORD, make_staff
from tests.citizencard.office.money import Money
from tests.terminals.fare_shelf import document, flat, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]
SignIn = Callable[[str], Client]
PROPOSE = "admin:terminals_fareproposal_propose"


@pytest.fixture
def finance(as_staff: SignIn) -> Client:
    make_staff()
    second = User.objects.create_user(username="second", password=PASSWORD, is_staff=True)
    second.groups.set(Group.objects.filter(name="finance"))
    return as_staff("finance")


def sent(client: Client, content: object, reason: str = "") -> str:
    file = SimpleUploadedFile("fares.json", json.dumps(content).encode())
    answer = client.post(reverse(PROPOSE), {"file": file, "reason": reason}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_proposal_is_published_by_somebody_else(finance: Client, as_staff: SignIn) -> None:
    publish(flat())
    page = sent(finance, [flat(version=2, fare_fen=300, valid_from="2090-01-01")])
    assert "2.00" in page
    assert "3.00" in page
    proposal = FareProposal.objects.get(maker="finance")
    step = reverse("admin:terminals_fareproposal_approve", args=[proposal.pk])
    assert "以外的人" in finance.post(step).content.decode()
    as_staff("second").post(step)
    document = FareDocument.objects.get(version=2)
    assert document.published_by == "second"
    page = finance.get(reverse("admin:terminals_faredocument_change", args=[document.pk])).content.decode()
    assert document.sha256 in page
    finance.post(reverse("admin:terminals_faredocument_withdraw", args=[document.pk]), {"reason": "笔误"})
    document.refresh_from_db()
    assert document.withdrawn_by == "finance"


def test_what_is_wrong_with_a_file_is_listed(finance: Client) -> None:
    assert "valid_from" in sent(finance, [flat(valid_from="x")])
    assert "过去" in sent(finance, [flat()])
    file = SimpleUploadedFile("fares.json", b"[{")
    assert "JSON" in finance.post(reverse(PROPOSE), {"file": file}).content.decode()
    assert not FareProposal.objects.exists()


def test_a_refusal_keeps_its_reason(finance: Client, as_staff: SignIn) -> None:
    sent(finance, [flat()], "补登")
    proposal = FareProposal.objects.get()
    step = reverse("admin:terminals_fareproposal_refuse", args=[proposal.pk])
    as_staff("second").post(step, {"reason": "票价未批"})
    proposal.refresh_from_db()
    assert (proposal.state, proposal.answer) == ("refused", "票价未批")


def test_clerks_look_and_do_not_propose(finance: Client, as_staff: SignIn) -> None:
    sent(finance, [flat()], "补登")
    proposal = FareProposal.objects.get()
    for role, status in (("clerk", 403), ("auditor", 403), ("finance", 200)):
        client = as_staff(role)
        assert client.get(reverse(PROPOSE)).status_code == status
        for step in ("approve", "refuse"):
            assert (
                client.get(reverse(f"admin:terminals_fareproposal_{step}", args=[proposal.pk])).status_code
                == status
            )
        assert client.get(reverse("admin:terminals_fareproposal_changelist")).status_code == 200


def test_a_clerk_grants_renews_and_withdraws_a_concession(money: Money, as_staff: SignIn) -> None:
    publish(
        flat(),
        document("concession", "half", {"tariffs": ["bus"], "pay_percent": 50, "categories": ["senior60"]}),
    )
    clerk, today = as_staff("clerk"), timezone.localdate().isoformat()
    given = {
        "category": "senior60",
        "valid_from": today,
        "proof": "公安核验 12",
        "legal_basis": "老年人优待办法",
    }
    page = clerk.post(reverse("admin:accounts_card_concession", args=[money.card.pk]), given).content.decode()
    assert "senior60" in page
    concession = Concession.objects.get(category="senior60")
    assert concession.citizen == money.card.citizen
    clerk.post(reverse("admin:accounts_concession_renew", args=[concession.pk]), {"proof": "公安核验 13"})
    renewal = Concession.objects.get(renews=concession)
    clerk.post(reverse("admin:accounts_concession_withdraw", args=[renewal.pk]), {"reason": "误办"})
    renewal.refresh_from_db()
    assert renewal.withdrawn_by == "clerk"
    for holder in (money.card, money.citizen):
        url = reverse(f"admin:accounts_{holder._meta.model_name}_change", args=[holder.pk])
        assert "公安核验 12" in clerk.get(url).content.decode()
    due = clerk.get(reverse("admin:accounts_concession_changelist"), {"due": "30"}).content.decode()
    assert "公安核验" not in due
