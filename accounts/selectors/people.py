"""Who is meant: by document, telephone number, name or card, in the clear words of whoever asks and always masked in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from accounts.models import Card, Citizen, IdentityDocument
from citizencard.core.errors import InvalidField
from citizencard.core.pii import Kind, SealedField, blind_index, reveal_many

FOUND_MAX: Final = 50
"""More people of one name than a clerk would look through."""
TABLE: Final = "accounts_citizen"
"""Where people's data are sealed and indexed, the numbers of their documents too: a person once had one, in the same row."""
_PAN_DIGITS: Final = 19


def main_document(citizen: Citizen) -> IdentityDocument:
    """The document that lists show and the chip carries; one read with the citizen is not asked for again."""
    return next(each for each in citizen.documents.all() if each.main)


def number_index(number: str) -> bytes:
    """By which a document's number is found, whatever its kind. Raises KeyServiceUnavailable."""
    return blind_index(TABLE, "document", Kind.DOCUMENT, number)


def find_citizen(*, document_number: str) -> Citizen | None:
    """Whose document in force this is, their master record; None for an unknown number or one that is none.

    Raises KeyServiceUnavailable.
    """
    document = (
        IdentityDocument.objects.filter(number_index=number_index(document_number), ended_at=None)
        .select_related("citizen__merged_into")
        .first()
    )
    return None if document is None else document.citizen.merged_into or document.citizen


def find_people(text: str) -> list[Citizen]:
    """Everybody whom `text` may mean: a document number of any kind, a telephone number, a whole name or a card number.

    At most FOUND_MAX, newest first, each with documents and cards in a fixed number of queries. Raises InvalidField for an empty
    text, KeyServiceUnavailable.
    """
    text = text.strip()
    if not text:
        raise InvalidField("text", "…")
    indexes = {
        "documents__number_index": number_index(text),
        "phone_index": blind_index(TABLE, "phone", Kind.PHONE, text),
        "name_index": blind_index(TABLE, "name", Kind.NAME, text),
    }
    found = set[UUID]()
    for field, index in indexes.items():
        found |= _masters(Citizen.objects.filter(**{field: index}))
    number = "".join(text.split())
    if len(number) == _PAN_DIGITS and number.isdecimal():
        found |= _masters(Citizen.objects.filter(cards__pan=number))
    return list(_with_their_own(Citizen.objects.filter(pk__in=found))[:FOUND_MAX])


def _masters(people: QuerySet[Citizen]) -> set[UUID]:
    """Asked one index at a time: an OR over several, or over the merged ones, would read everybody."""
    return {merged or pk for pk, merged in people.values_list("pk", "merged_into")[:FOUND_MAX]}


def perhaps_the_same(citizen: Citizen) -> list[Citizen]:
    """Records that may be of the same person: the same name or telephone number, and no birth date that says otherwise.

    Raises KeyServiceUnavailable.
    """
    alike = Q(name_index=citizen.name_index) if citizen.name_index else Q(pk__in=[])
    if citizen.phone_index:
        alike |= Q(phone_index=citizen.phone_index)
    others = list(
        _with_their_own(Citizen.objects.filter(alike, merged_into=None).exclude(pk=citizen.pk))[:FOUND_MAX]
    )
    births = births_of([citizen, *others])
    mine = births[citizen.pk]
    return [each for each in others if mine is None or births[each.pk] in (None, mine)]


def births_of(citizens: Sequence[Citizen]) -> dict[UUID, date | None]:
    """Birth dates for the system's own rules, in one call; they are told to nobody. Raises KeyServiceUnavailable."""
    known = [each for each in citizens if each.birth_sealed is not None]
    places = [SealedField(TABLE, "birth", each.pk, bytes(each.birth_sealed or b"")) for each in known]
    opened = reveal_many(places) if places else []
    births = {each.pk: date.fromisoformat(text) for each, text in zip(known, opened, strict=True)}
    return {each.pk: births.get(each.pk) for each in citizens}


def _with_their_own(people: QuerySet[Citizen]) -> QuerySet[Citizen]:
    cards = Prefetch("cards", Card.objects.select_related("product").order_by("pk"))
    return people.order_by("-registered_at").prefetch_related("documents", cards)
