"""Citizens: who may be registered, what is kept readable, who may look."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.utils import IntegrityError
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from accounts.errors import DocumentAlreadyRegistered, LoginExists
from accounts.models import Citizen, Consent, IdentityDocument, User
from accounts.selectors.people import find_citizen
from accounts.services import citizens
from accounts.services.documents import check_document, check_name, check_phone
from citizencard.core.audit import broken_entries
from citizencard.core.errors import InvalidField, KeyServiceUnavailable
from citizencard.core.models import AuditEntry
from tests.factories import CLERK, document_number, make_citizen

RESIDENT_ID = IdentityDocument.Kind.RESIDENT_ID
GOOD_PASSWORD = "quanzhou-west-lake"


@pytest.mark.django_db
def test_a_citizen_is_registered_and_found_by_document() -> None:
    number = document_number()
    citizen = make_citizen(name="阿依古丽·买买提", document_number=number)
    assert find_citizen(document_number=f" {number.lower()} ") == citizen
    assert citizen.name_mask == "*******提"
    assert citizen.document_mask == f"350***********{number[-4:]}"
    assert citizen.phone_mask == "138****0001"


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["", "nonsense", "350501198803160244 ", "'; --"])
def test_an_unknown_document_finds_nobody(number: str) -> None:
    make_citizen()
    assert find_citizen(document_number=number) is None


@pytest.mark.django_db
def test_nothing_personal_is_readable_in_the_row() -> None:
    number = document_number()
    make_citizen(name="黄志强", document_number=number, phone="13859700003")
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT row_to_json(c)::text || row_to_json(d)::text, c.name_sealed, c.birth_sealed, d.number_sealed
            FROM accounts_citizen c JOIN accounts_identitydocument d ON d.citizen_id = c.id"""
        )
        row, *sealed = cursor.fetchone()
    assert not any(secret in row for secret in ("黄志强", "志强", number, number[3:14], "13859700003"))
    assert f"{number[6:10]}-{number[10:12]}-{number[12:14]}" not in row
    assert not any(secret.encode() in bytes(value) for value in sealed for secret in ("黄志强", number))


@pytest.mark.django_db
def test_a_document_belongs_to_one_person_and_the_refusal_names_no_one() -> None:
    number = document_number()
    make_citizen(name="林美玲", document_number=number)
    with pytest.raises(DocumentAlreadyRegistered) as refusal:
        make_citizen(name="陈大同", document_number=number.lower())
    assert refusal.value.data == {"field": "document_number"}
    assert "林" not in str(refusal.value)
    assert number not in str(refusal.value)
    assert Citizen.objects.count() == 1


@pytest.mark.django_db
def test_without_the_key_service_nobody_is_registered(settings: object, tmp_path: object) -> None:
    settings.KEY_SERVICE_SOCKET = f"{tmp_path}/absent.sock"  # type: ignore[attr-defined]
    with pytest.raises(KeyServiceUnavailable):
        make_citizen()
    assert not Citizen.objects.exists()


@pytest.mark.django_db
def test_revealing_needs_a_reason_and_leaves_a_trace() -> None:
    number = document_number()
    citizen = make_citizen(name="吴雅婷", document_number=number, phone="+852 9123 4567")
    with pytest.raises(InvalidField):
        citizens.reveal_citizen(citizen=citizen, actor=CLERK, reason="  ")
    assert not AuditEntry.objects.filter(action="pii.reveal").exists()
    shown = citizens.reveal_citizen(citizen=citizen, actor=CLERK, reason="card replaced, ticket 17")
    assert (shown.name, shown.document_number, shown.phone) == ("吴雅婷", number, "+85291234567")
    assert "吴雅婷" not in repr(shown)
    entry = AuditEntry.objects.get(action="pii.reveal")
    assert (entry.actor, entry.subject) == (CLERK, f"citizen:{citizen.pk}")
    assert entry.detail["reason"] == "card replaced, ticket 17"
    assert "吴雅婷" not in str(entry.detail)
    assert list(broken_entries()) == []


@pytest.mark.django_db
def test_a_citizen_without_a_telephone_is_welcome() -> None:
    citizen = make_citizen(phone="")
    assert (citizen.phone_sealed, citizen.phone_index, citizen.phone_mask) == (None, None, "")
    assert citizens.reveal_citizen(citizen=citizen, actor=CLERK, reason="r").phone == ""


@pytest.mark.django_db
def test_consent_is_given_once() -> None:
    citizen = make_citizen(consent=False)
    first = citizens.give_consent(citizen=citizen, purpose=Consent.Purpose.CARD, actor=CLERK)
    assert citizens.give_consent(citizen=citizen, purpose=Consent.Purpose.CARD, actor=CLERK) == first
    assert AuditEntry.objects.filter(action="citizen.consent").count() == 1
    with pytest.raises(InvalidField):
        citizens.give_consent(citizen=citizen, purpose="advertising", actor=CLERK)


@pytest.mark.django_db
def test_a_login_is_opaque_and_no_member_of_staff() -> None:
    number = document_number()
    citizen = make_citizen(document_number=number)
    user = citizens.create_login(citizen=citizen, password=GOOD_PASSWORD)
    assert user.check_password(GOOD_PASSWORD)
    assert len(user.username) == 32
    assert number not in user.username
    with pytest.raises(LoginExists):
        citizens.create_login(citizen=citizen, password=GOOD_PASSWORD)
    with pytest.raises(IntegrityError, match="citizen_login_is_not_staff"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_staff=True)


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["short", "password123"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        citizens.create_login(citizen=make_citizen(), password=password)
    assert not isinstance(refusal.value, ValidationError)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("number", "spelled"),
    [
        ("11010519491231002x", "11010519491231002X"),
        (" 110105 19491231 002X ", "11010519491231002X"),
        ("350501198803160244", "350501198803160244"),
    ],
)
def test_resident_numbers_in_any_spelling(number: str, spelled: str) -> None:
    assert check_document(RESIDENT_ID, number) == spelled


@pytest.mark.parametrize(
    "number",
    [
        "",
        "11010519491231002",
        "110105194912310021",
        "990105194912310021",
        "11010519491331002X",
        "1101051949123100２X3",
        "110105299912310026",
    ],
)
def test_what_is_no_resident_number(number: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        check_document(RESIDENT_ID, number)
    assert refusal.value.data["field"] == "document_number"


@given(at=st.integers(0, 17), digit=st.integers(0, 9))
def test_any_one_wrong_digit_is_noticed(at: int, digit: int) -> None:
    right = "350501198803160244"
    wrong = f"{right[:at]}{digit}{right[at + 1 :]}"
    if wrong == right:
        assert check_document(RESIDENT_ID, wrong) == right
    else:
        with pytest.raises(InvalidField):
            check_document(RESIDENT_ID, wrong)


@given(day=st.dates(min_value=date(1900, 1, 1), max_value=date(2026, 1, 1)))
def test_every_birth_date_makes_a_number(day: date) -> None:
    head = f"350501{day:%Y%m%d}012"
    assert check_document(RESIDENT_ID, head + ric.calc_check_digit(head + "0"))


@pytest.mark.parametrize(
    ("kind", "number"), [("passport", "E1"), ("passport", "E-12345678"), ("licence", "E12345678")]
)
def test_other_documents_have_rules_too(kind: str, number: str) -> None:
    assert check_document("passport", "e12345678") == "E12345678"
    with pytest.raises(InvalidField):
        check_document(kind, number)


@pytest.mark.parametrize(
    "name", ["林美玲", "阿依古丽·买买提", "O'Brien-Smith", "Nguyễn Thị Hoà", "𠮷野", "محمد", "王" * 100]
)
def test_names_of_any_script(name: str) -> None:
    assert check_name(name)


@pytest.mark.parametrize(
    "name", ["", "   ", "王" * 101, "<script>", "A\x00B", "1234", "···", "张三\u202e", "=1+1"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidField):
        check_name(name)


@pytest.mark.parametrize(
    ("phone", "spelled"),
    [
        ("13859700001", "+8613859700001"),
        ("+86 138-5970-0001", "+8613859700001"),
        ("0085291234567", "+85291234567"),
        ("+44 20 7946 0958", "+442079460958"),
        ("  ", ""),
    ],
)
def test_telephones_at_home_and_abroad(phone: str, spelled: str) -> None:
    assert check_phone(phone) == spelled


@pytest.mark.parametrize(
    "phone", ["12345678901", "1385970000", "+86138597000011", "+1", "phone", "+0123456789"]
)
def test_what_is_no_telephone(phone: str) -> None:
    with pytest.raises(InvalidField):
        check_phone(phone)
