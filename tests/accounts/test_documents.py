"""Documents of every kind: which numbers are right, whose they are, and how a person shows another one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from accounts.errors import DocumentAlreadyRegistered, LastDocument
from accounts.models import IdentityDocument
from accounts.selectors.people import find_citizen, find_people, main_document
from accounts.services.citizens import reveal_citizen
from accounts.services.documents import birth_in, check_document, check_papers
from accounts.services.papers import Paper, add_document, end_document, read_paper
from citizencard.core.errors import InvalidField
from tests.factories import CLERK, document_number, make_card, make_citizen, make_product

Kind = IdentityDocument.Kind
NEXT_YEAR = timezone.localdate() + timedelta(days=365)


@pytest.mark.parametrize(
    ("kind", "number", "birth"),
    [
        (Kind.RESIDENT_ID, "11010519491231002X", date(1949, 12, 31)),
        (Kind.RESIDENCE_PERMIT, "810000199001010019", date(1990, 1, 1)),
        (Kind.RESIDENCE_PERMIT, "820000199001010010", date(1990, 1, 1)),
        (Kind.RESIDENCE_PERMIT, "830000199001010012", date(1990, 1, 1)),
        (Kind.FOREIGN_PERMANENT, "93584019800229" + "012" + ric.calc_check_digit("93584019800229" + "0120"), date(1980, 2, 29)),
        (Kind.FOREIGN_PERMANENT, "USA110080010101", None),
        (Kind.TAIWAN_PASS, "01234567", None),
        (Kind.TAIWAN_PASS, "0123456701", None),
        (Kind.HOME_PASS, "H12345678", None),
        (Kind.HOME_PASS, "M1234567802", None),
        (Kind.PASSPORT, "E12345678", None),
    ],
)  # fmt: skip
def test_what_is_right_of_each_kind(kind: str, number: str, birth: date | None) -> None:
    assert check_document(kind, f" {number.lower()} ") == number
    assert birth_in(kind, number) == birth


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (Kind.RESIDENT_ID, "810000199001010019"),
        (Kind.RESIDENCE_PERMIT, "350501198803160244"),
        (Kind.RESIDENCE_PERMIT, "810001199001010017"),
        (Kind.FOREIGN_PERMANENT, "11010519491231002X"),
        (Kind.FOREIGN_PERMANENT, "US1100800101012"),
        (Kind.TAIWAN_PASS, "123456789"),
        (Kind.HOME_PASS, "C12345678"),
        (Kind.HOME_PASS, "H1234567"),
        (Kind.PASSPORT, "E-1234567"),
        ("licence", "E12345678"),
    ],
)
def test_what_is_wrong_of_each_kind(kind: str, number: str) -> None:
    with pytest.raises(InvalidField):
        check_document(kind, number)


@pytest.mark.parametrize("kind", [Kind.RESIDENT_ID, Kind.RESIDENCE_PERMIT, Kind.FOREIGN_PERMANENT])
@given(data=st.data())
def test_one_changed_place_is_noticed_in_every_numbered_kind(kind: str, data: st.DataObject) -> None:
    right = {Kind.RESIDENT_ID: "350501198803160244", Kind.RESIDENCE_PERMIT: "810000199001010019"}.get(
        Kind(kind), "93584019800229012" + ric.calc_check_digit("935840198002290120")
    )
    at = data.draw(st.integers(0, 17))
    other = data.draw(st.sampled_from([each for each in "0123456789X" if each != right[at]]))
    with pytest.raises(InvalidField):
        check_document(kind, right[:at] + other + right[at + 1 :])


def test_the_first_generation_is_refused_with_guidance() -> None:
    with pytest.raises(InvalidField, match="18") as refusal:
        check_document(Kind.RESIDENT_ID, "110105491231002")
    assert refusal.value.data["field"] == "document_number"


@pytest.mark.parametrize(
    ("kind", "nationality", "valid_to", "field"),
    [
        (Kind.PASSPORT, "", NEXT_YEAR, "nationality"),
        (Kind.PASSPORT, "FRA", None, "nationality"),
        (Kind.PASSPORT, "France", NEXT_YEAR, "nationality"),
        (Kind.RESIDENT_ID, "", date(2020, 1, 1), "valid_to"),
    ],
)
def test_a_passport_names_its_country_and_nothing_expired_is_taken(
    kind: str, nationality: str, valid_to: date | None, field: str
) -> None:
    with pytest.raises(InvalidField) as refusal:
        check_papers(kind, nationality, valid_to)
    assert refusal.value.data["field"] == field
    assert check_papers(Kind.PASSPORT, " fra ", NEXT_YEAR) == "FRA"


def pass_of_taiwan(number: str = "01234567") -> Paper:
    return read_paper(Kind.TAIWAN_PASS, number, "", None, "counter")


@pytest.mark.django_db
def test_a_person_is_found_by_each_document_in_force() -> None:
    citizen = make_citizen(name="𠮷田·阿依古丽", document_number=(number := document_number()))
    second = add_document(citizen=citizen, paper=pass_of_taiwan(), actor=CLERK)
    assert {find_citizen(document_number=each) for each in (number, "01234567")} == {citizen}
    end_document(document=second, actor=CLERK, reason="lost")
    assert find_citizen(document_number="01234567") is None
    assert find_citizen(document_number=number) == citizen
    assert end_document(document=second, actor=CLERK, reason="again").ended_at == second.ended_at


@pytest.mark.django_db
def test_a_renewed_document_is_the_same_one() -> None:
    passport = {"document_kind": Kind.PASSPORT, "document_number": "E12345678", "nationality": "FRA"}
    citizen = make_citizen(name="CHEN Xiao-Ming", valid_to=NEXT_YEAR, **passport)
    later = NEXT_YEAR + timedelta(days=3650)
    renewed = add_document(
        citizen=citizen, paper=read_paper(Kind.PASSPORT, "e1234 5678", "fra", later, "consulate"), actor=CLERK
    )
    assert (citizen.documents.get(), renewed.valid_to, renewed.source) == (renewed, later, "consulate")
    assert main_document(citizen) == renewed


@pytest.mark.django_db
def test_another_document_can_stand_on_the_card() -> None:
    citizen = make_citizen()
    first = main_document(citizen)
    second = add_document(citizen=citizen, paper=pass_of_taiwan(), actor=CLERK, main=True)
    citizen.refresh_from_db()
    assert (citizen.document_mask, citizen.documents.get(main=True)) == (second.mask, second)
    assert reveal_citizen(citizen=citizen, actor=CLERK, reason="check").document_number == "01234567"
    end_document(document=second, actor=CLERK, reason="withdrawn")
    assert citizen.documents.get(main=True) == first
    with pytest.raises(LastDocument):
        end_document(document=citizen.documents.get(main=True), actor=CLERK, reason="lost")


@pytest.mark.django_db
def test_a_number_belongs_to_one_person_for_good() -> None:
    one, other = make_citizen(), make_citizen()
    held = add_document(citizen=one, paper=pass_of_taiwan(), actor=CLERK)
    end_document(document=held, actor=CLERK, reason="lost")
    with pytest.raises(DocumentAlreadyRegistered):
        add_document(citizen=other, paper=pass_of_taiwan(), actor=CLERK)
    assert other.documents.count() == 1


@pytest.mark.django_db
def test_the_birth_date_comes_from_the_document_or_is_told() -> None:
    from_number = make_citizen(document_number="11010519491231002X")
    told = make_citizen(
        document_kind=Kind.TAIWAN_PASS,
        document_number="01234567",
        birth_date=date(1960, 2, 29),
        source="permit",
    )
    untold = make_citizen(document_kind=Kind.HOME_PASS, document_number="H12345678")
    assert [reveal_citizen(citizen=each, actor=CLERK, reason="check").birth_date for each in (from_number, told, untold)] == [
        date(1949, 12, 31), date(1960, 2, 29), None,
    ]  # fmt: skip
    assert [each.birth_source for each in (from_number, told, untold)] == ["resident_id", "permit", ""]
    with pytest.raises(InvalidField):
        make_citizen(document_kind=Kind.HOME_PASS, document_number="H12345679", birth_date=NEXT_YEAR)


@pytest.mark.django_db
def test_people_are_found_by_whatever_a_clerk_types() -> None:
    number = document_number()
    one = make_citizen(name="阿依古丽·买买提", document_number=number, phone="13859700077")
    other = make_citizen(name="阿依古丽·买买提", phone="")
    card = make_card(product=make_product(real_name=True), citizen=one, state="personalised")
    for text in (number, "138 5970 0077", "+8613859700077", card.pan, f" {card.pan[:4]} {card.pan[4:]}"):
        assert find_people(text) == [one], text
    assert find_people("阿依古丽·买买提") == [other, one]
    assert find_people("阿依古丽") == []
    with pytest.raises(InvalidField):
        find_people("  ")


@pytest.mark.django_db
def test_the_database_keeps_one_main_document() -> None:
    citizen = make_citizen()
    add_document(citizen=citizen, paper=pass_of_taiwan(), actor=CLERK)
    with pytest.raises(IntegrityError, match="one_main_document"), transaction.atomic():
        IdentityDocument.objects.update(main=True)
    with (
        pytest.raises(IntegrityError, match="main_document_in_force"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE accounts_identitydocument SET ended_at = now() WHERE main")
