"""People at the counter: registered, found, given another document, a guardian, and made one out of two records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Citizen, Consent, PersonChange, PersonMerge
from tests.citizencard.city import make_staff
from tests.factories import make_citizen

SignIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db
PERMIT = {"document_kind": "taiwan_pass", "document_number": "0123 4567", "nationality": "", "valid_to": ""}


@pytest.fixture
def clerk(as_staff: SignIn) -> Client:
    make_staff()
    return as_staff("clerk")


def step(client: Client, page: str, /, *args: Any, **given: str) -> str:
    return client.post(reverse(f"admin:accounts_{page}", args=args), given, follow=True).content.decode()


def register(client: Client, **changes: str) -> str:
    person = {"name": "阿依古丽·买买提", "phone": "", "birth_date": "1960-02-29", "consent": "on"} | PERMIT
    return step(client, "citizen_register", **(person | changes))


def test_a_person_is_registered_with_consent_and_found_by_everything(clerk: Client) -> None:
    page = register(clerk, phone="138 5970 0077")
    citizen = Citizen.objects.get()
    assert "*******提" in page
    assert citizen.consents.get().purpose == Consent.Purpose.CARD
    for text in ("01234567", "阿依古丽·买买提", "13859700077"):
        found = clerk.get("/office/accounts/citizen/", {"q": text}).content.decode()
        assert str(citizen.pk) in found, text
    assert str(citizen.pk) not in clerk.get("/office/accounts/citizen/", {"q": "买买提"}).content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"document_number": "123"}, "8 位数字"),
        ({"document_kind": "resident_id", "document_number": "110105491231002"}, "第一代"),
        ({"document_kind": "passport", "document_number": "E12345678"}, "护照"),
        ({"name": "123"}, "姓名"),
        ({"birth_date": "2999-01-01"}, "过去"),
        ({"document_kind": "licence"}, "licence"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(clerk: Client, change: dict[str, str], said: str) -> None:
    assert said in register(clerk, **change)
    assert not Citizen.objects.exists()


def test_a_child_needs_a_guardian_who_agrees(clerk: Client) -> None:
    mother = make_citizen(document_number="110105198003071234")
    assert "监护人" in register(clerk, birth_date="2020-05-05")
    child = Citizen.objects.exclude(pk=mother.pk).get()
    assert "不存在" in step(
        clerk, "citizen_guardian", child.pk, other="99999999", reason="household register"
    )
    assert str(mother) in step(
        clerk, "citizen_guardian", child.pk, other="110105198003071234", reason="household register"
    )
    step(clerk, "citizen_consent", child.pk, guardian="110105198003071234")
    assert child.consents.get().guardian == mother
    assert (
        "household register"
        in clerk.get(reverse("admin:accounts_citizen_change", args=[child.pk])).content.decode()
    )


def test_another_document_stands_on_the_card(clerk: Client) -> None:
    citizen = make_citizen()
    assert "0******7" in step(clerk, "citizen_document", citizen.pk, **PERMIT, main="on")
    citizen.refresh_from_db()
    assert citizen.document_mask == "0******7"


def test_two_records_are_merged_by_two_people(clerk: Client, as_staff: SignIn) -> None:
    master, other = make_citizen(), make_citizen(document_kind="taiwan_pass", document_number="01234567")
    page = clerk.get(reverse("admin:accounts_citizen_merge", args=[master.pk])).content.decode()
    assert other.document_mask in page
    step(clerk, "citizen_merge", master.pk, other="01234567", reason="same person")
    merge = PersonMerge.objects.get()
    boss = as_staff("supervisor")
    assert "已批准" in step(boss, "personmerge_approve", merge.pk)
    other.refresh_from_db()
    assert other.merged_into == master
    assert (
        "/level/" not in boss.get(reverse("admin:accounts_citizen_change", args=[other.pk])).content.decode()
    )


def test_the_supervisor_says_how_well_somebody_is_known(as_staff: SignIn) -> None:
    make_staff()
    citizen = make_citizen()
    assert "L1" in step(
        as_staff("supervisor"), "citizen_level", citizen.pk, level="1", reason="document stolen"
    )
    citizen.refresh_from_db()
    assert citizen.level == 1


def test_a_list_is_uploaded_by_one_and_believed_by_another(as_staff: SignIn, clerk: Client) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    def upload(event: str) -> str:
        rows = f"RK1,市公安局,2026-02-28,1\n1,11010519491231002X,{event},2026-02-01,林小美"
        url = reverse("admin:accounts_comparisonlist_upload")
        return clerk.post(
            url, {"file": SimpleUploadedFile("list.csv", rows.encode())}, follow=True
        ).content.decode()

    person = make_citizen(document_number="11010519491231002X")
    page = upload("走失")
    assert "未接收任何内容" in page
    assert "请写死亡" in page
    assert "更名" in upload("更名")
    change = PersonChange.objects.get()
    assert "上报" in clerk.get(reverse("admin:accounts_citizen_change", args=[person.pk])).content.decode()
    assert (
        "**美"
        in as_staff("supervisor")
        .get(reverse("admin:accounts_personchange_approve", args=[change.pk]))
        .content.decode()
    )
    as_staff("supervisor").post(reverse("admin:accounts_personchange_approve", args=[change.pk]))
    person.refresh_from_db()
    assert person.name_mask == "**美"


def test_a_death_is_reported_at_the_counter(as_staff: SignIn, clerk: Client) -> None:
    person = make_citizen()
    given = {"kind": "deceased", "on": "2026-02-01", "source": "certificate 17", "name": ""}
    assert "死亡" in step(clerk, "citizen_report", person.pk, **given)
    assert "已登记" in step(clerk, "citizen_report", person.pk, **given)
    change = PersonChange.objects.get()
    step(as_staff("supervisor"), "personchange_refuse", change.pk, reason="somebody else")
    change.refresh_from_db()
    assert (change.state, change.answer) == ("refused", "somebody else")
