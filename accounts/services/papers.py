"""A person's documents: read, sealed, added, renewed, ended. A number belongs to one person for good."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import DocumentAlreadyRegistered, LastDocument
from accounts.models import Citizen, IdentityDocument
from accounts.selectors.people import TABLE, number_index
from accounts.services.documents import birth_in, check_document, check_papers
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.pii import SealedField, mask_document, seal

_COLUMN: Final = "document"


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as it was shown, checked; not yet anybody's."""

    kind: str
    number: str = field(repr=False)
    index: bytes = field(repr=False)
    birth: date | None = field(repr=False)
    nationality: str
    valid_to: date | None
    source: str


def read_paper(kind: str, number: str, nationality: str, valid_to: date | None, source: str) -> Paper:
    """Check a document that somebody shows. Raises InvalidField, KeyServiceUnavailable."""
    number = check_document(kind, number)
    nationality = check_papers(kind, nationality, valid_to)
    if not source.strip():
        raise InvalidField("source", _("who vouches for it"))
    return Paper(
        kind, number, number_index(number), birth_in(kind, number), nationality, valid_to, source.strip()
    )


def number_place(document: IdentityDocument) -> SealedField:
    """The sealed number of a document."""
    return SealedField(TABLE, _COLUMN, document.pk, bytes(document.number_sealed))


def sealed_document(paper: Paper, citizen: Citizen, *, main: bool) -> IdentityDocument:
    """The row to keep of a paper; it is not saved."""
    pk = uuid.uuid4()
    return IdentityDocument(
        id=pk,
        citizen=citizen,
        kind=paper.kind,
        number_sealed=seal(TABLE, _COLUMN, pk, paper.number),
        number_index=paper.index,
        mask=mask_document(paper.number),
        nationality=paper.nationality,
        valid_to=paper.valid_to,
        main=main,
        source=paper.source,
        as_of=timezone.localdate(),
    )


def add_document(*, citizen: Citizen, paper: Paper, actor: str, main: bool = False) -> IdentityDocument:
    """The person shows another document, or a known one with a later end; `main` puts it on lists and on the next card. Audited.

    Raises DocumentAlreadyRegistered when its number is somebody else's: a case for merging.
    """
    made = sealed_document(paper, citizen, main=False)
    try:
        with transaction.atomic():
            person = locks.lock_citizen(citizen.pk)
            known = IdentityDocument.objects.filter(number_index=paper.index).first()
            if known is not None and known.citizen_id != person.pk:
                raise DocumentAlreadyRegistered
            if known is None:
                made.save(force_insert=True)
            else:
                made = _renewed(known, paper)
            if main:
                _put_first(person, made)
            _audit(made, "document.add", actor, main=main, source=paper.source)
    except IntegrityError as error:
        raise DocumentAlreadyRegistered from error
    return made


@transaction.atomic
def end_document(*, document: IdentityDocument, actor: str, reason: str) -> IdentityDocument:
    """The document proves nothing any more: lost, withdrawn, replaced. Again is no change. Raises InvalidField, LastDocument. Audited."""
    if not reason.strip():
        raise InvalidField("reason", _("say why"))
    person = locks.lock_citizen(document.citizen_id)
    document.refresh_from_db()
    if document.ended_at is not None:
        return document
    others = person.documents.filter(ended_at=None).exclude(pk=document.pk).order_by("added_at")
    successor = others.first()
    if successor is None:
        raise LastDocument
    was_main, document.main, document.ended_at = document.main, False, timezone.now()
    document.save(update_fields=["main", "ended_at"])
    if was_main:
        _put_first(person, successor)
    _audit(document, "document.end", actor, reason=reason.strip())
    return document


def _renewed(known: IdentityDocument, paper: Paper) -> IdentityDocument:
    """The same number on a newer document."""
    known.kind, known.nationality, known.valid_to = paper.kind, paper.nationality, paper.valid_to
    known.source, known.as_of, known.ended_at = paper.source, timezone.localdate(), None
    known.save(update_fields=["kind", "nationality", "valid_to", "source", "as_of", "ended_at"])
    return known


def _put_first(person: Citizen, document: IdentityDocument) -> None:
    person.documents.filter(main=True).update(main=False)
    document.main = True
    document.save(update_fields=["main"])
    person.document_mask = document.mask
    person.save(update_fields=["document_mask"])


def _audit(document: IdentityDocument, action: str, actor: str, **detail: object) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"citizen:{document.citizen_id}",
        detail={"document": document.kind, **detail},
    )
