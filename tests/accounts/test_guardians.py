"""Children and their guardians, and what a citizen has to be known how well for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from stdnum.cn import ric

from accounts.errors import ConsentMissing, GuardianRequired, LevelTooLow, NotAGuardian, WardOfAge
from accounts.models import Citizen, Consent, FamilyLink, Guardianship, Mandate, Notice
from accounts.selectors.ages import age_of, whole_years
from accounts.services.cards import order_card
from accounts.services.citizens import give_consent
from accounts.services.family import invite_member
from accounts.services.guardians import appoint_guardian, end_guardianship, require_guardian, review_wards
from accounts.services.levels import NEEDED, Operation
from accounts.services.mandates import request_mandate
from accounts.services.verification import set_level
from citizencard.core.calendar import SHANGHAI, open_business_day
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from tests.factories import CLERK, make_card, make_citizen, make_product

pytestmark = pytest.mark.django_db
NOW = timezone.now()
TODAY = timezone.localdate()
CARD = Consent.Purpose.CARD


def born(years: int, days: int = 0) -> str:
    """The number of somebody who was that old, so many days ago."""
    try:
        birth = TODAY.replace(year=TODAY.year - years)
    except ValueError:
        birth = TODAY.replace(year=TODAY.year - years, day=28)
    head = f"350502{birth - timedelta(days=days):%Y%m%d}{born.calls:03d}"
    born.calls += 1
    return head + ric.calc_check_digit(head + "0")


born.calls = 1


def person(years: int, days: int = 0) -> Citizen:
    return make_citizen(document_number=born(years, days), consent=False)


def appoint(guardian: Citizen, ward: Citizen, **changes: Any) -> Guardianship:
    facts: dict[str, Any] = {"proof": "household register 17", "actor": CLERK, "occurred_at": NOW}
    return appoint_guardian(guardian=guardian, ward=ward, **(facts | changes))


def order(citizen: Citizen) -> Any:
    return order_card(
        product=make_product(real_name=True), citizen=citizen, actor=CLERK, valid_from=date(2026, 3, 1)
    )


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        (date(2012, 2, 29), date(2026, 2, 27), 13),
        (date(2012, 2, 29), date(2026, 2, 28), 14),
        (date(2012, 2, 29), date(2028, 2, 28), 15),
        (date(2012, 2, 29), date(2028, 2, 29), 16),
        (date(2008, 12, 1), date(2026, 11, 30), 17),
        (date(2008, 12, 1), date(2026, 12, 1), 18),
    ],
)
def test_whole_years(birth: date, day: date, age: int) -> None:
    assert whole_years(birth, day) == age


def test_a_child_gets_a_card_once_a_guardian_agrees() -> None:
    child, mother, stranger = person(9), person(40), person(40)
    for guardian in (None, mother):
        with pytest.raises(GuardianRequired):
            give_consent(citizen=child, purpose=CARD, actor=CLERK, guardian=guardian)
    with pytest.raises(GuardianRequired):
        order(child)
    appoint(mother, child)
    with pytest.raises(GuardianRequired):
        give_consent(citizen=child, purpose=CARD, actor=CLERK, guardian=stranger)
    consent = give_consent(citizen=child, purpose=CARD, actor=CLERK, guardian=mother)
    assert consent.guardian == mother
    assert order(child).citizen == child
    assert AuditEntry.objects.filter(action="citizen.consent").get().detail["guardian"] == str(mother.pk)


def test_from_fourteen_on_one_agrees_for_oneself() -> None:
    youth, father = person(14), person(41)
    appoint(father, youth)
    with pytest.raises(InvalidField):
        give_consent(citizen=youth, purpose=CARD, actor=CLERK, guardian=father)
    Consent.objects.create(citizen=youth, purpose=CARD, guardian=father)  # as it was given a year ago
    with pytest.raises(ConsentMissing):
        order(youth)
    assert review_wards(day=TODAY, occurred_at=NOW) == 1
    assert review_wards(day=TODAY, occurred_at=NOW) == 0
    assert [notice.code for notice in youth.notices.all()] == [Notice.Code.CONSENT_DUE]
    own = give_consent(citizen=youth, purpose=CARD, actor=CLERK)
    assert (own.guardian, youth.consents.get(withdrawn_at=None)) == (None, own)
    assert order(youth).citizen == youth


def test_a_guardian_pays_and_sees_the_balance_until_the_ward_is_eighteen() -> None:
    almost, mother = person(18, days=-1), person(45)
    guardianship = appoint(mother, almost)
    assert appoint(mother, almost) == guardianship
    link = FamilyLink.objects.get(payer=mother, member=almost)
    assert (link.state, link.sees_balance) == (FamilyLink.State.ACTIVE, True)
    require_guardian(guardian=mother, ward=almost, day=TODAY)
    birthday = TODAY + timedelta(days=1)
    with pytest.raises(NotAGuardian):
        require_guardian(guardian=mother, ward=almost, day=birthday)
    later = datetime.combine(birthday, NOW.timetz()).astimezone(SHANGHAI)
    assert review_wards(day=birthday, occurred_at=later) == 1
    guardianship.refresh_from_db()
    link.refresh_from_db()
    assert (guardianship.ended_because, link.state) == ("of_age", FamilyLink.State.ENDED)
    assert almost.notices.get().code == Notice.Code.GUARDIAN_GONE
    assert review_wards(day=birthday, occurred_at=later) == 0


def test_who_can_be_whose_guardian() -> None:
    child, young, grown = person(9), person(17), person(18)
    for guardian, ward, refusal in (
        (young, child, InvalidField), (child, child, InvalidField), (grown, grown, InvalidField), (person(30), grown, WardOfAge),
        (grown, make_citizen(document_kind="home_pass", document_number="H12345678", consent=False), WardOfAge),
    ):  # fmt: skip
        with pytest.raises(refusal):
            appoint(guardian, ward)
    with pytest.raises(InvalidField):
        appoint(grown, child, proof=" ")
    assert not Guardianship.objects.exists()


def test_a_guardianship_is_withdrawn_once() -> None:
    guardianship = appoint(mother := person(40), child := person(9))
    for _ in range(2):
        end_guardianship(guardianship=guardianship, because="withdrawn", actor=CLERK, occurred_at=NOW)
    assert AuditEntry.objects.filter(action="guardian.end").count() == 1
    with pytest.raises(NotAGuardian):
        require_guardian(guardian=mother, ward=child, day=TODAY)
    assert age_of(child, TODAY) == 9


def attempt(operation: Operation, citizen: Citizen) -> None:
    """What the operation is in the services; refusals for other reasons than the level do not count."""
    match operation:
        case Operation.REAL_NAME_CARD:
            order(citizen)
        case Operation.FAMILY:
            invite_member(payer=citizen, member=make_citizen(), actor=CLERK, occurred_at=NOW)
        case Operation.MANDATE:
            mandate(citizen)


def mandate(citizen: Citizen) -> Mandate:
    amounts = {"amount_fen": 5_000, "threshold_fen": 1_000, "day_cap_fen": 5_000, "month_cap_fen": 20_000}
    card = citizen.cards.first() or make_card(product=make_product(real_name=True), citizen=citizen)
    return request_mandate(citizen=citizen, purse=card.purse, actor=CLERK, occurred_at=NOW, **amounts)


@pytest.mark.parametrize("operation", list(Operation))
def test_every_operation_has_its_least_level(operation: Operation) -> None:
    open_business_day(date(2026, 3, 1))
    for level in Citizen.Level:
        citizen = make_citizen()
        if operation == Operation.MANDATE:
            make_card(product=make_product(real_name=True), citizen=citizen)
        citizen = set_level(citizen=citizen, level=level, proof="checked", actor=CLERK, occurred_at=NOW)
        if level < NEEDED[operation]:
            with pytest.raises(LevelTooLow):
                attempt(operation, citizen)
        else:
            attempt(operation, citizen)


def test_what_needs_more_ends_with_the_level_at_once() -> None:
    open_business_day(date(2026, 3, 1))
    asked = mandate(citizen := make_citizen())
    set_level(citizen=citizen, level=1, proof="document reported stolen", actor=CLERK, occurred_at=NOW)
    asked.refresh_from_db()
    assert (asked.state, asked.stop_reason) == (Mandate.State.STOPPED, Mandate.StopReason.LEVEL)
    assert {each.code for each in citizen.notices.all()} == {"mandate_stopped_level", "level_lowered"}
    assert AuditEntry.objects.get(action="citizen.level").detail == {
        "before": 2, "after": 1, "proof": "document reported stolen",
    }  # fmt: skip
    for wrong in ({"proof": " "}, {"level": 7}):
        with pytest.raises(InvalidField):
            set_level(
                citizen=citizen, actor=CLERK, occurred_at=NOW, **({"level": 2, "proof": "seen"} | wrong)
            )
