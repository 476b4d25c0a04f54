"""Whose card it shall be: known by a document, or told, sealed in the application, and registered when writing begins."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from django.utils import timezone

from accounts.errors import (
    CardAlreadyHeld,
    CitizenRequired,
    DocumentAlreadyRegistered,
    GuardianRequired,
    PersonPerhapsKnown,
)
from accounts.models import Citizen, Consent, IssueApplication
from accounts.selectors.ages import whole_years
from accounts.selectors.issuing import card_in_the_way
from accounts.selectors.people import births_of, find_citizen, find_people, main_document
from accounts.services.citizens import COUNTER, OWN_CONSENT, give_consent, register_citizen
from accounts.services.documents import check_birth, check_name, check_phone
from accounts.services.levels import Operation, require_level
from accounts.services.papers import Paper
from citizencard.core.masks import mask_document, mask_name
from citizencard.core.pii import reveal, seal

TABLE: Final = "accounts_issueapplication"


def name_person(application: IssueApplication, paper: Paper | None, citizen: Citizen | None) -> None:
    """Whose card it shall be. Raises CitizenRequired, CardAlreadyHeld, LevelTooLow."""
    if citizen is None and paper is not None:
        citizen = find_citizen(document_number=paper.number)
    if citizen is not None:
        require_level(citizen, Operation.REAL_NAME_CARD)
        if card_in_the_way(citizen, application.product, application.replaces):
            raise CardAlreadyHeld(product=application.product.name)
        application.citizen = citizen
        application.document_index = paper.index if paper else bytes(main_document(citizen).number_index)
        application.document_mask, application.name_mask = citizen.document_mask, citizen.name_mask
        return
    if paper is None:
        raise CitizenRequired(product=application.product.name)
    application.document_index, application.document_mask = paper.index, mask_document(paper.number)
    shown = {
        "document_kind": paper.kind,
        "document_number": paper.number,
        "nationality": paper.nationality,
        "valid_to": paper.valid_to.isoformat() if paper.valid_to else None,
        "birth_date": paper.birth.isoformat() if paper.birth else None,
    }
    application.person_sealed = _sealed(application, shown)


def told(
    application: IssueApplication, name: str, phone: str, birth_date: date | None, *, is_new: bool
) -> dict[str, Any]:
    """The application's fields for somebody new. Raises InvalidField, GuardianRequired, PersonPerhapsKnown."""
    person = _person(application)
    name, phone = check_name(name), check_phone(phone)
    if birth_date and not person["birth_date"]:
        person["birth_date"] = check_birth(birth_date).isoformat()
    born = date.fromisoformat(person["birth_date"]) if person["birth_date"] else None
    if born and (age := whole_years(born, timezone.localdate())) < OWN_CONSENT:
        raise GuardianRequired(age=age)
    if not is_new and (alike := _alike(name, phone, born)):
        raise PersonPerhapsKnown(count=len(alike), people=alike)
    sealed = _sealed(application, person | {"name": name, "phone": phone})
    return {"person_sealed": sealed, "name_mask": mask_name(name)}


def registered(application: IssueApplication) -> Citizen:
    """The person on record, registered now if they were not; somebody else may have been quicker."""
    if application.citizen is not None:
        return application.citizen
    person = _person(application)
    dates = {
        each: date.fromisoformat(person[each]) if person[each] else None
        for each in ("valid_to", "birth_date")
    }
    try:
        return register_citizen(**(person | dates), actor=application.clerk, source=COUNTER)
    except DocumentAlreadyRegistered:
        known = find_citizen(document_number=person["document_number"])
        if known is None:  # its document has ended
            raise
        return known


def put_consent(application: IssueApplication, citizen: Citizen) -> Consent | None:
    """Put the agreement on record; the consent it made, None where there was one."""
    before = citizen.consents.filter(purpose=Consent.Purpose.CARD, withdrawn_at=None).first()
    given = give_consent(
        citizen=citizen, purpose=Consent.Purpose.CARD, actor=application.clerk, guardian=application.guardian
    )
    return None if before == given and application.consent_id != given.pk else given


def _alike(name: str, phone: str, born: date | None) -> list[Citizen]:
    """People of the same name or telephone number whose birth date does not say otherwise."""
    found = {each.pk: each for text in (name, phone) if text for each in find_people(text)}
    births = births_of(list(found.values()))
    return [each for each in found.values() if born is None or births[each.pk] in (None, born)]


def _sealed(application: IssueApplication, person: dict[str, Any]) -> bytes:
    return seal(TABLE, "person", application.pk, json.dumps(person))


def _person(application: IssueApplication) -> dict[str, Any]:
    person: dict[str, Any] = json.loads(
        reveal(TABLE, "person", application.pk, bytes(application.person_sealed or b""))
    )
    return person
