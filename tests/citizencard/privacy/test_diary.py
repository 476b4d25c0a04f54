"""Who has seen a citizen's data: written down first, read by the citizen, questioned, answered by somebody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Citizen, DataAccess
from accounts.services.citizens import create_login, reveal_citizen
from accounts.services.diary import GROUND_MAX, note_access
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.models import AuditEntry
from citizencard.privacy.errors import AlreadyAnswered, AlreadyQuestioned, OwnAccess
from citizencard.privacy.models import AccessQuestion, PrivacyRule
from citizencard.privacy.selectors.diary import DAILY_MAX, diary_of, unusual_access
from citizencard.privacy.selectors.rules import CLOCK_DAYS, due_on
from citizencard.privacy.services.questions import answer_question, question_access
from citizencard.privacy.services.rules import approve_privacy_rule, propose_privacy_rule
from tests.citizencard.city import PASSWORD, make_staff
from tests.factories import make_citizen

SignIn = Callable[[str], Client]
What = DataAccess.What
pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 10, tzinfo=SHANGHAI)


@pytest.fixture
def lin(_quick_passwords: None) -> Citizen:
    make_staff()
    return make_citizen()


@pytest.fixture
def portal(lin: Citizen) -> Client:
    client = Client()
    client.force_login(create_login(citizen=lin, password=PASSWORD))
    return client


def seen(citizen: Citizen, actor: str = "clerk", what: str = What.REVEALED) -> DataAccess:
    return note_access(citizen=citizen, what=what, fields=["name"], actor=actor, ground="本人办理")


def test_what_staff_see_the_citizen_reads(lin: Citizen, portal: Client, as_staff: SignIn) -> None:
    assert "还没有人" in portal.get("/privacy/").content.decode()
    clerk = as_staff("clerk")
    clerk.get(reverse("admin:accounts_citizen_change", args=[lin.pk]))
    clerk.post(reverse("admin:accounts_citizen_reveal", args=[lin.pk]), {"reason": "本人更改手机号"})
    clerk.post(reverse("admin:accounts_citizen_reveal", args=[lin.pk]), {"reason": " "})
    rows = [(each.what, each.role, each.ground) for each in diary_of(lin)]
    assert rows == [("revealed", "clerk", "本人更改手机号"), ("opened", "clerk", "")]
    page = portal.get("/privacy/").content.decode()
    assert "本人更改手机号" in page
    assert "办事员" in page
    assert "证件号码" in page


def test_a_page_that_may_not_be_opened_leaves_no_trace(lin: Citizen, as_staff: SignIn) -> None:
    assert as_staff("finance").get(reverse("admin:accounts_citizen_change", args=[lin.pk])).status_code == 403
    assert not diary_of(lin).exists()


def test_diary_and_audit_trail_share_one_fate(lin: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_fields: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("accounts.services.diary.record_audit", broken)
    with pytest.raises(InterruptedError):
        reveal_citizen(citizen=lin, actor="clerk", reason="check")
    assert not diary_of(lin).exists()
    with pytest.raises(InvalidField):
        note_access(
            citizen=lin, what=What.REVEALED, fields=["name"], actor="clerk", ground="x" * (GROUND_MAX + 1)
        )


@pytest.mark.parametrize(
    "statement", ["UPDATE accounts_dataaccess SET actor = 'x'", "DELETE FROM accounts_dataaccess"]
)
def test_the_diary_is_only_added_to(lin: Citizen, statement: str) -> None:
    seen(lin)
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_a_look_in_clear_has_a_ground_in_the_database_too(lin: Citizen) -> None:
    with pytest.raises(IntegrityError, match="access_in_clear_has_a_ground"), transaction.atomic():
        note_access(citizen=lin, what=What.REVEALED, fields=["name"], actor="clerk")


def test_records_merged_into_ones_own_are_ones_own(lin: Citizen) -> None:
    other = make_citizen(document_kind="taiwan_pass", document_number="01234567")
    seen(other)
    assert not diary_of(lin).exists()
    Citizen.objects.filter(pk=other.pk).update(merged_into=lin)
    assert diary_of(lin).exists()


def test_an_access_is_questioned_and_somebody_else_answers(
    lin: Citizen, portal: Client, as_staff: SignIn
) -> None:
    access = seen(lin, actor="supervisor")
    url = reverse("portal:question_access", args=[access.pk])
    assert "得到答复" in portal.post(url, follow=True).content.decode()
    assert "已经问过" in portal.post(url, follow=True).content.decode()
    question = AccessQuestion.objects.get()
    step = reverse("admin:privacy_accessquestion_give_answer", args=[question.pk])
    assert "其他人" in as_staff("supervisor").post(step, {"reason": "我自己"}).content.decode()
    assert as_staff("clerk").post(step, {"reason": "x"}).status_code == 403
    answer_question(question=question, answer="持卡人来电要求", actor="another", now=NOW)
    assert "持卡人来电要求" in portal.get("/privacy/").content.decode()
    assert "查阅" in portal.get("/notices/").content.decode()
    with pytest.raises(AlreadyAnswered):
        answer_question(question=question, answer="again", actor="another", now=NOW)


def test_nobody_questions_what_is_seen_of_others(lin: Citizen, portal: Client) -> None:
    stranger = make_citizen(document_kind="taiwan_pass", document_number="01234567")
    assert portal.post(reverse("portal:question_access", args=[seen(stranger).pk])).status_code == 404


def test_the_rules_of_answering_are_the_databases_too(lin: Citizen) -> None:
    question = question_access(access=seen(lin), actor="citizen", now=NOW)
    with pytest.raises(AlreadyQuestioned):
        question_access(access=question.access, actor="citizen", now=NOW)
    with pytest.raises(OwnAccess):
        answer_question(question=question, answer="because", actor="clerk", now=NOW)
    for answer in ("  ", "x" * 501):
        with pytest.raises(InvalidField):
            answer_question(question=question, answer=answer, actor="another", now=NOW)
    with pytest.raises(IntegrityError, match="answered_by_another"), transaction.atomic():
        AccessQuestion.objects.update(answered_at=NOW, answered_by="clerk", answer="because")


def test_the_clock_is_a_dated_rule_by_two_people() -> None:
    subject, day = PrivacyRule.Subject.QUESTION, timezone.localdate()
    assert due_on(subject, day) == day + timedelta(days=CLOCK_DAYS)
    rule = propose_privacy_rule(subject=subject, days=5, valid_from=day, legal_basis="PIPL 50", maker="a")
    assert due_on(subject, day) == day + timedelta(days=CLOCK_DAYS)
    with pytest.raises(MakerIsChecker):
        approve_privacy_rule(rule=rule, checker="a")
    approve_privacy_rule(rule=rule, checker="b")
    assert due_on(subject, day) == day + timedelta(days=5)
    assert due_on(subject, day - timedelta(days=1)) == day + timedelta(days=CLOCK_DAYS - 1)
    for wrong in (
        {"days": 0},
        {"legal_basis": " "},
        {"subject": "x"},
        {"valid_from": day - timedelta(days=1)},
    ):
        with pytest.raises(InvalidField):
            propose_privacy_rule(
                **(
                    {"subject": subject, "days": 5, "valid_from": day, "legal_basis": "x", "maker": "a"}
                    | wrong
                )
            )  # type: ignore[arg-type]
    assert AuditEntry.objects.filter(action="privacy_rule.approve", actor="b").count() == 1


def test_a_rule_is_proposed_and_approved_in_the_office(lin: Citizen, as_staff: SignIn) -> None:
    given = {
        "subject": "question",
        "days": "7",
        "valid_from": "2099-01-01",
        "legal_basis": "个人信息保护法第50条",
    }
    as_staff("supervisor").post(reverse("admin:privacy_privacyrule_propose"), given)
    rule = PrivacyRule.objects.get()
    url = reverse("admin:privacy_privacyrule_approve", args=[rule.pk])
    as_staff("supervisor").post(url)
    rule.refresh_from_db()
    assert rule.state == "proposed"


def test_much_and_nightly_looking_is_shown_to_the_supervisor(lin: Citizen, as_staff: SignIn) -> None:
    people = [Citizen(pk=f"00000000-0000-0000-0000-{n:012}", document_mask="", name_mask="", name_sealed=b"") for n in range(DAILY_MAX + 1)]  # fmt: skip
    Citizen.objects.bulk_create(people)
    looks = [("busy", person, NOW) for person in people] + [
        ("owl", lin, NOW.replace(hour=3)),
        ("day", lin, NOW),
    ]
    DataAccess.objects.bulk_create(
        DataAccess(citizen=who, actor=actor, at=at, what=What.REVEALED, fields=["name"], ground="x")
        for actor, who, at in looks
    )
    rows = unusual_access(since=date(2026, 11, 1), until=date(2026, 11, 23))
    assert [(row["actor"], row["people"], row["at_night"]) for row in rows] == [
        ("busy", DAILY_MAX + 1, 0),
        ("owl", 1, 1),
    ]
    page = as_staff("supervisor").get("/office/unusual-access/", {"day": "2026-11-23"}).content.decode()
    assert "busy" in page
    assert "owl" in page
    assert as_staff("clerk").get("/office/unusual-access/").status_code == 403
