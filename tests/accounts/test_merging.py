"""Two records of one person become one, by two people, and nothing is lost."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import AlreadyMerged, MergeConflict
from accounts.models import Citizen, Consent, FamilyLink, IdentityDocument, Notice, PersonMerge, User
from accounts.selectors.people import find_citizen, find_people, perhaps_the_same
from accounts.services.citizens import create_login, reveal_citizen
from accounts.services.concessions import grant_concession
from accounts.services.family import invite_member
from accounts.services.merging import approve_merge, propose_merge, refuse_merge
from accounts.services.notices import notify
from citizencard.core.calendar import open_business_day
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from tests.accounts.threads import in_threads
from tests.factories import CLERK, make_card, make_citizen, make_product

pytestmark = pytest.mark.django_db
BOSS = "boss"
NOW = timezone.now()
PASSWORD = "quanzhou-west-lake"
NAME = "林美玲"


def pass_holder(**changes: object) -> Citizen:
    facts = {"document_kind": "taiwan_pass", "document_number": "01234567", "birth_date": date(1950, 1, 1)}
    return make_citizen(name=NAME, phone="", **(facts | changes))


@pytest.fixture
def pair() -> tuple[Citizen, Citizen]:
    """A person known by a residence permit, and the same one by an older travel permit."""
    open_business_day(date(2026, 3, 1))
    master = make_citizen(
        name=NAME, document_kind="residence_permit", document_number="830000195001010014", phone="13859700088"
    )
    return master, pass_holder()


def merged(pair: tuple[Citizen, Citizen]) -> PersonMerge:
    merge = propose_merge(master=pair[0], other=pair[1], reason="same face, same birthday", maker=CLERK)
    return approve_merge(merge=merge, checker=BOSS)


def test_everything_of_the_other_is_the_masters(pair: tuple[Citizen, Citizen]) -> None:
    master, other = pair
    card = make_card(product=make_product(real_name=True), citizen=other)
    senior = grant_concession(
        citizen=other,
        category="senior",
        valid_from=date(2026, 3, 1),
        proof="age",
        legal_basis="rule 5",
        checked_by=CLERK,
    )
    login = create_login(citizen=other, password=PASSWORD)
    friend = make_citizen(name="陈大同")
    invite_member(payer=other, member=friend, actor=CLERK, occurred_at=NOW)
    notify(other.pk, Notice.Code.CARD_FOUND, card="****1234")
    merge = merged(pair)
    assert approve_merge(merge=merge, checker=BOSS) == merge
    for row in (card, login):
        row.refresh_from_db()
        assert row.citizen == master
    assert {each.mask for each in master.documents.all()} == {"830***********0014", "0******7"}
    assert master.documents.get(main=True).mask == master.document_mask
    assert find_citizen(document_number="01234567") == master
    assert find_people(NAME) == [master]
    kept = master.concessions.get()
    assert (kept.category, kept.proof, kept.valid_until) == (
        senior.category,
        senior.proof,
        senior.valid_until,
    )
    senior.refresh_from_db()
    assert senior.withdrawn_reason == "merged"
    assert FamilyLink.objects.get().payer == master
    assert master.notices.count() == 1
    assert Consent.objects.filter(citizen=master, withdrawn_at=None).count() == 1
    assert reveal_citizen(citizen=master, actor=CLERK, reason="check").phone == "+8613859700088"
    other.refresh_from_db()
    assert other.merged_into == master
    assert AuditEntry.objects.filter(action="citizen.merge").count() == 1


def test_the_masters_own_login_stays(pair: tuple[Citizen, Citizen]) -> None:
    own, theirs = (create_login(citizen=each, password=PASSWORD) for each in pair)
    merged(pair)
    assert {user.pk: user.is_active for user in User.objects.all()} == {own.pk: True, theirs.pk: False}


def test_one_person_has_one_live_card_of_a_product(pair: tuple[Citizen, Citizen]) -> None:
    product = make_product(real_name=True)
    for each in pair:
        make_card(product=product, citizen=each)
    with pytest.raises(MergeConflict, match=r"\*\*\*\*"):
        propose_merge(master=pair[0], other=pair[1], reason="same", maker=CLERK)
    assert not PersonMerge.objects.exists()


def test_it_takes_two_people_and_is_decided_once(pair: tuple[Citizen, Citizen]) -> None:
    merge = propose_merge(master=pair[0], other=pair[1], reason="same", maker=CLERK)
    with pytest.raises(AlreadyMerged):
        propose_merge(master=pair[0], other=pair[1], reason="same", maker=BOSS)
    with pytest.raises(MakerIsChecker):
        approve_merge(merge=merge, checker=CLERK)
    assert not Citizen.objects.exclude(merged_into=None).exists()
    with pytest.raises(IntegrityError, match="by_two"), transaction.atomic():
        PersonMerge.objects.filter(pk=merge.pk).update(state="approved", checker=CLERK, checked_at=NOW)
    refuse_merge(merge=merge, checker=BOSS, reason="twins")
    with pytest.raises(AlreadyDecided):
        approve_merge(merge=merge, checker=BOSS)
    assert merged(pair).state == PersonMerge.State.APPROVED
    for wrong in ({"reason": " "}, {"other": pair[0]}):
        with pytest.raises(InvalidField):
            propose_merge(
                **({"master": pair[0], "other": make_citizen(), "reason": "x", "maker": CLERK} | wrong)
            )
    with pytest.raises(AlreadyMerged):
        propose_merge(master=make_citizen(), other=pair[1], reason="again", maker=CLERK)


def test_a_chain_of_records_leads_to_the_last_master(pair: tuple[Citizen, Citizen]) -> None:
    merged(pair)
    last = make_citizen(name=NAME)
    merge = propose_merge(master=last, other=pair[0], reason="same", maker=CLERK)
    approve_merge(merge=merge, checker=BOSS)
    assert set(Citizen.objects.exclude(merged_into=None).values_list("merged_into", flat=True)) == {last.pk}
    assert IdentityDocument.objects.filter(citizen=last).count() == 3


def test_who_may_be_the_same(pair: tuple[Citizen, Citizen]) -> None:
    master, other = pair
    pass_holder(document_number="76543210", birth_date=date(1951, 1, 1))
    unknown = pass_holder(document_number="11223344", birth_date=None)
    neighbour = make_citizen(
        name="陈大同", phone="13859700088", document_kind="home_pass", document_number="H12345678"
    )
    assert set(perhaps_the_same(master)) == {other, unknown, neighbour}


@pytest.mark.django_db(transaction=True)
def test_two_who_agree_at_once_merge_once(pair: tuple[Citizen, Citizen]) -> None:
    merge = propose_merge(master=pair[0], other=pair[1], reason="same", maker=CLERK)
    in_threads(4, lambda number: approve_merge(merge=merge, checker=f"boss{number}"))
    assert AuditEntry.objects.filter(action="citizen.merge").count() == 1
