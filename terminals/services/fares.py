"""Publishing fares: one person proposes documents, another publishes all of them or none. What is published stays.

A document that has not begun may be withdrawn. One that begins in the past needs a reason: its rides are priced again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict
from citizencard.core.two_people import decide
from terminals.errors import FareBegun, FaresRefused, TariffWrong
from terminals.fares.documents import Document
from terminals.fares.errors import FareError
from terminals.models import FareDocument, FareProposal, Tariff
from terminals.selectors.fare_checks import check_documents, check_published
from terminals.selectors.fares import live_documents

State = FareProposal.State
FOUNDER: Final = "city"
COUNCIL: Final = "city council"
"""Who proposes and who publishes what a city begins with."""
_BOOK_LOCK: Final = (
    0x4641_5245  # "FARE": one change of the book at a time, so that each was checked against the others
)


@transaction.atomic
def propose_fares(*, documents: Sequence[Any], maker: str, reason: str = "") -> FareProposal:
    """Ask for documents (JSON objects) to be published together. Raises FaresRefused with every problem. Audited."""
    checked = check_documents(documents, today=_today(), reason=reason)
    if checked.problems:
        raise FaresRefused(checked.problems)
    proposal = FareProposal.objects.create(documents=list(documents), reason=reason.strip(), maker=maker)
    _audit(proposal, "fares.propose", maker, reason=proposal.reason)
    return proposal


@transaction.atomic
def publish_fares(*, proposal: FareProposal, checker: str) -> list[FareDocument]:
    """Let a proposal stand, checked again as things are now; publishing it again changes nothing. Audited.

    Raises MakerIsChecker, AlreadyDecided (refused before), FaresRefused.
    """
    proposal = _lock(proposal)
    if proposal.state == State.PUBLISHED:
        return list(proposal.published.order_by("pk"))
    decide(proposal, FareProposal.publish, State.PUBLISHED, checker=checker)
    checked = check_documents(proposal.documents, today=_today(), reason=proposal.reason)
    if checked.problems:
        raise FaresRefused(checked.problems)
    published = [_publish(document, proposal) for document in checked.documents]
    digests = {f"{each.code} v{each.version}": each.sha256 for each in published}
    _audit(proposal, "fares.publish", checker, documents=digests)
    return published


@transaction.atomic
def refuse_fares(*, proposal: FareProposal, checker: str, reason: str) -> FareProposal:
    """Send a proposal back for good. Raises MakerIsChecker, AlreadyDecided. Audited."""
    proposal = _lock(proposal)
    decide(proposal, FareProposal.refuse, State.REFUSED, checker=checker, answer=reason)
    _audit(proposal, "fares.refuse", checker, reason=reason)
    return proposal


@transaction.atomic
def withdraw_fare(*, document: FareDocument, actor: str, reason: str) -> FareDocument:
    """Take back a document that has not begun; doing so again changes nothing. Raises FareBegun. Audited.

    Raises FaresRefused when other documents, or terminals, would then name what is not there.
    """
    _lock_book()
    document.refresh_from_db()
    if document.withdrawn_at is not None:
        return document
    if document.valid_from <= _today():
        raise FareBegun(document=f"{document.code} v{document.version}", date=document.valid_from)
    before = set(check_published())
    document.withdrawn_at, document.withdrawn_by, document.withdrawn_reason = timezone.now(), actor, reason
    document.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    if missed := [problem for problem in check_published() if problem not in before]:
        raise FaresRefused(missed)
    record_audit(
        actor=actor,
        action="fares.withdraw",
        subject=f"fare:{document.code}",
        detail={"version": document.version, "reason": reason},
    )
    return document


@transaction.atomic
def publish_tariff(
    *, code: str, name: str, kind: str, rule: dict[str, Any], valid_from: date, legal_basis: str
) -> Tariff:
    """A tariff of a city being founded, before it has stops, lines and people to check each other.

    The same again is the same. Raises TariffWrong; Conflict when the date has another one.
    """
    _lock_book()
    content: dict[str, Any] = {
        "document": FareDocument.Sort.TARIFF.value,
        "id": code,
        "version": 1 + FareDocument.objects.filter(code=code).count(),
        "valid_from": valid_from.isoformat(),
        "name": {"zh-Hans": name},
        "legal_basis": legal_basis,
        "body": {"kind": kind, "rule": rule},
    }
    if known := live_documents().filter(code=code, valid_from=valid_from).first():
        if known.content | {"version": 0} != content | {"version": 0}:
            raise Conflict(what=f"{code} {valid_from}")
        return Tariff.objects.get(pk=known.pk)
    try:
        document = Document.parse(content)
    except FareError as error:
        raise TariffWrong(code=code, reason=str(error)) from error
    proposal = FareProposal.objects.create(documents=[content], reason="foundation", maker=FOUNDER)
    decide(proposal, FareProposal.publish, State.PUBLISHED, checker=COUNCIL)
    return Tariff.objects.get(pk=_publish(document, proposal).pk)


def _publish(document: Document, proposal: FareProposal) -> FareDocument:
    try:
        with transaction.atomic():
            return FareDocument.objects.create(
                sort=document.sort,
                code=document.id,
                version=document.version,
                valid_from=document.valid_from,
                valid_until=document.valid_until,
                legal_basis=document.legal_basis,
                canonical=document.canonical,
                digest=bytes.fromhex(document.digest),
                proposal=proposal,
                published_by=proposal.checker,
            )
    except IntegrityError as error:
        raise Conflict(what=f"{document.id} v{document.version}") from error


def _lock(proposal: FareProposal) -> FareProposal:
    _lock_book()
    return FareProposal.objects.get(pk=proposal.pk)


def _lock_book() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_BOOK_LOCK])


def _today() -> date:
    return shanghai(timezone.now()).date()


def _audit(proposal: FareProposal, action: str, actor: str, **detail: Any) -> None:
    record_audit(actor=actor, action=action, subject=f"fares:{proposal.pk}", detail=detail)
