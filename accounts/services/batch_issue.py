"""Batch issue 批量发卡: a list is checked row by row and taken whole or not at all; once approved it is carried out in chunks.

A chunk is one transaction and leaves nothing for a second run to do, so a killed run goes on where it was. Calls to the key
service are made for all rows at once, while the list is taken; carrying it out needs none.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import IllegalIssueStep, IssueFileRefused
from accounts.models import (
    Card,
    CardProduct,
    Citizen,
    Consent,
    IdentityDocument,
    IssueBatch,
    IssueRow,
    StockPlace,
)
from accounts.selectors.people import TABLE
from accounts.services.card_making import make_cards
from accounts.services.card_orders import approve_filled, propose_order, refuse_order
from accounts.services.issue_file import HEADINGS, Fault, IssueFile, Person, Problem, read_issue_file
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.pii import (
    Kind,
    blind_indexes,
    mask_document,
    mask_name,
    mask_phone,
    seal_many,
)
from citizencard.core.states import lock_row, step_to
from citizencard.core.two_people import decide

State = IssueBatch.State
CHUNK: Final = 500
_OWN: Final = (
    "document_mask",
    "name_sealed",
    "name_index",
    "name_mask",
    "phone_sealed",
    "phone_index",
    "phone_mask",
    "birth_sealed",
)
"""What of a row becomes the citizen's own."""
_EMPTIED: Final = ["document_sealed", "name_sealed", "phone_sealed", "birth_sealed"]


class Progress(NamedTuple):
    """How far a batch is: rows with a card, rows that got none, all rows."""

    made: int
    refused: int
    rows: int

    @property
    def is_over(self) -> bool:
        """Nothing is left to do."""
        return self.made + self.refused == self.rows


class _Checked(NamedTuple):
    file: IssueFile
    indexes: list[bytes]
    known: dict[bytes, uuid.UUID]
    problems: list[Problem]


def check_issue_file(*, content: bytes, product: CardProduct) -> list[Problem]:
    """The dry run: everything that is wrong with a list. Raises IssueFileRefused (no such list), KeyServiceUnavailable."""
    return _checked(content, product).problems


def upload_issue_file(
    *,
    content: bytes,
    organisation: str,
    product: CardProduct,
    hall: StockPlace,
    bureau: StockPlace,
    deadline: date,
    maker: str,
) -> IssueBatch:
    """Take a list, to be approved by somebody else; the same file again is the same batch. Audited.

    Raises IssueFileRefused with every problem, InvalidField, KeyServiceUnavailable.
    """
    if not product.real_name:
        raise InvalidField("product", _("cards of a batch are issued in a name"))
    if bureau.kind != StockPlace.Kind.BUREAU:
        raise InvalidField("bureau", _("cards are made by a bureau"))
    checked = _checked(content, product)
    if known := IssueBatch.objects.filter(sha256=checked.file.sha256).first():
        return known
    if checked.problems:
        raise IssueFileRefused(problems=checked.problems)
    rows = _sealed(checked)
    with transaction.atomic():
        order = propose_order(product=product, quantity=len(rows), hall=hall, deadline=deadline, actor=maker)
        batch = IssueBatch.objects.create(
            organisation=organisation, order=order, bureau=bureau, sha256=checked.file.sha256, maker=maker
        )
        for row in rows:
            row.batch = batch
        IssueRow.objects.bulk_create(rows)
        _audit(batch, "batch_issue.upload", maker, rows=len(rows))
    return batch


@transaction.atomic
def approve_batch(*, batch: IssueBatch, checker: str) -> IssueBatch:
    """A second person agrees; `run_batch` carries it out. Raises MakerIsChecker, AlreadyDecided. Audited."""
    batch = decide(lock_row(batch), IssueBatch.approve, State.APPROVED, checker=checker)
    _audit(batch, "batch_issue.approve", checker)
    return batch


@transaction.atomic
def refuse_batch(*, batch: IssueBatch, checker: str, reason: str) -> IssueBatch:
    """A second person does not agree: nothing is issued, nobody's data are kept. Raises MakerIsChecker, AlreadyDecided. Audited."""
    batch = decide(lock_row(batch), IssueBatch.refuse, State.REFUSED, checker=checker, answer=reason)
    refuse_order(order=batch.order, checker=checker, reason=reason)
    batch.rows.update(document_sealed=b"", name_sealed=b"", phone_sealed=None, birth_sealed=None)
    _audit(batch, "batch_issue.refuse", checker)
    return batch


@transaction.atomic
def run_chunk(*, batch: IssueBatch) -> Progress:
    """Carry out the next CHUNK rows, each once whoever runs; with the last one the order may go to the bureau. Audited.

    People of whom somebody else registered a card meanwhile get none, and their row says so. Raises IllegalIssueStep.
    """
    batch = lock_row(batch)
    if batch.state != State.DONE:
        if batch.state != State.APPROVED:
            raise IllegalIssueStep(source=batch.get_state_display(), target=State.DONE.label)
        _carry_out(batch, list(_open(batch)[:CHUNK]))
        if not _open(batch).exists():
            _finish(batch)
    return progress_of(batch)


def run_approved() -> int:
    """Carry out every approved batch to its end; how many there were. Two runs at once share the chunks."""
    batches = list(IssueBatch.objects.filter(state=State.APPROVED).order_by("pk"))
    for batch in batches:
        while not run_chunk(batch=batch).is_over:
            pass
    return len(batches)


def progress_of(batch: IssueBatch) -> Progress:
    """How far it is."""
    rows = batch.rows.count()
    refused = batch.rows.exclude(refusal="").count()
    return Progress(batch.rows.exclude(card=None).count(), refused, rows)


def _checked(content: bytes, product: CardProduct) -> _Checked:
    file = read_issue_file(content, shanghai(timezone.now()).date())
    indexes = blind_indexes(TABLE, "document", Kind.DOCUMENT, [person.document for person in file.people])
    known = _registered(indexes)
    agreed = _agreed_for(known.values())
    held = _holders(product, known.values())
    problems = list(file.problems)
    first: dict[bytes, int] = {}
    for person, index in zip(file.people, indexes, strict=True):
        if first.setdefault(index, person.row) != person.row:
            problems.append(Problem(person.row, HEADINGS[2], Fault.TWICE))
        elif known.get(index) in held:
            problems.append(Problem(person.row, HEADINGS[2], Fault.HELD))
        elif person.guarded and known.get(index) not in agreed:
            problems.append(Problem(person.row, HEADINGS[4], Fault.GUARDIAN))
    return _Checked(file, indexes, known, sorted(problems))


def _registered(indexes: Iterable[bytes]) -> dict[bytes, uuid.UUID]:
    """Who is on register with which document, in force or not."""
    documents = IdentityDocument.objects.filter(number_index__in=list(indexes))
    return {bytes(index): pk for index, pk in documents.values_list("number_index", "citizen_id")}


def _agreed_for(citizens: Iterable[uuid.UUID]) -> set[uuid.UUID | None]:
    """For whom a guardian has agreed to the card."""
    given = Consent.objects.filter(
        citizen__in=list(citizens), purpose=Consent.Purpose.CARD, withdrawn_at=None
    )
    return set(given.exclude(guardian=None).values_list("citizen_id", flat=True))


def _holders(product: CardProduct, citizens: Iterable[uuid.UUID]) -> set[uuid.UUID | None]:
    cards = Card.objects.filter(citizen__in=list(citizens), product=product, state__in=Card.LIVE)
    return set(cards.values_list("citizen_id", flat=True))


def _sealed(checked: _Checked) -> list[IssueRow]:
    """The rows, sealed for the citizens they will be; of people on register only the masks are kept."""
    people = checked.file.people
    phones = blind_indexes(TABLE, "phone", Kind.PHONE, [person.phone for person in people if person.phone])
    names = blind_indexes(TABLE, "name", Kind.NAME, [person.name for person in people])
    rows, fields = [], []
    for person, index in zip(people, checked.indexes, strict=True):
        known = checked.known.get(index)
        row = _row(person, index, known or uuid.uuid4(), is_new=known is None)
        rows.append(row)
        if known is None:
            fields += [(row, column, value) for column, value in _values(person)]
    indexes = iter(phones)
    for row, person, name in zip(rows, people, names, strict=True):
        row.name_index = name
        row.phone_index = next(indexes) if person.phone else None
    envelopes = seal_many((TABLE, column, row.citizen_key, value) for row, column, value in fields)
    for (row, column, _value), envelope in zip(fields, envelopes, strict=True):
        setattr(row, f"{column}_sealed", envelope)
    return rows


def _values(person: Person) -> list[tuple[str, str]]:
    phone = [("phone", person.phone)] if person.phone else []
    birth = [("birth", person.birth.isoformat())] if person.birth else []
    return [("document", person.document), ("name", person.name), *phone, *birth]


def _row(person: Person, index: bytes, key: uuid.UUID, *, is_new: bool) -> IssueRow:
    return IssueRow(
        row=person.row,
        citizen_key=key,
        is_new=is_new,
        document_kind=person.kind,
        document_sealed=b"",
        document_index=index,
        document_mask=mask_document(person.document),
        name_sealed=b"",
        name_mask=mask_name(person.name),
        phone_mask=mask_phone(person.phone),
    )


def _open(batch: IssueBatch) -> QuerySet[IssueRow]:
    return batch.rows.filter(card=None, refusal="").order_by("row")


def _carry_out(batch: IssueBatch, rows: Sequence[IssueRow]) -> None:
    """Citizens, consents and cards of some rows. Whoever was registered meanwhile is taken as they are."""
    product = batch.order.product
    indexes = [bytes(row.document_index) for row in rows]
    before = _registered(indexes)
    made = [row for row in rows if row.is_new and bytes(row.document_index) not in before]
    Citizen.objects.bulk_create(_citizen(row) for row in made)
    # Whoever registers one of them at this very moment wins: the chunk is undone, and taken up again.
    IdentityDocument.objects.bulk_create(_document(row) for row in made)
    citizens = _registered(indexes)
    list(Citizen.objects.select_for_update(no_key=True).filter(pk__in=citizens.values()).order_by("pk"))
    held = _holders(product, citizens.values())
    given = [row for row in rows if citizens[bytes(row.document_index)] not in held]
    holders = [citizens[bytes(row.document_index)] for row in given]
    Consent.objects.bulk_create(
        (Consent(citizen_id=holder, purpose=Consent.Purpose.CARD) for holder in holders),
        ignore_conflicts=True,
    )
    now = timezone.now()
    cards = make_cards(
        order=batch.order,
        bureau=batch.bureau,
        holders=holders,
        day=shanghai(now).date(),
        actor=batch.checker,
        at=now,
    )
    for row in rows:
        row.document_sealed, row.name_sealed, row.phone_sealed, row.birth_sealed = b"", b"", None, None
        row.refusal = "" if row in given else Fault.HELD
    for row, card in zip(given, cards, strict=True):
        row.card = card
    IssueRow.objects.bulk_update(rows, [*_EMPTIED, "card", "refusal"])
    _audit(batch, "batch_issue.rows", batch.checker, first=rows[0].row, last=rows[-1].row, cards=len(cards))


def _citizen(row: IssueRow) -> Citizen:
    """Checked, but not seen in person before the card is handed out."""
    own = {name: getattr(row, name) for name in _OWN}
    source = row.document_kind if row.birth_sealed else ""
    return Citizen(pk=row.citizen_key, level=Citizen.Level.CHECKED, birth_source=source, **own)


def _document(row: IssueRow) -> IdentityDocument:
    return IdentityDocument(
        pk=row.citizen_key,
        citizen_id=row.citizen_key,
        kind=row.document_kind,
        number_sealed=row.document_sealed,
        number_index=row.document_index,
        mask=row.document_mask,
        main=True,
        source="list",
        as_of=timezone.localdate(),
    )


def _finish(batch: IssueBatch) -> None:
    with step_to(State.DONE, IllegalIssueStep):
        batch.finish()
    batch.save(update_fields=["state"])
    approve_filled(order=batch.order, checker=batch.checker)
    _audit(batch, "batch_issue.done", batch.checker)


def _audit(batch: IssueBatch, action: str, actor: str, **detail: object) -> None:
    record_audit(actor=actor, action=action, subject=f"issue-batch:{batch.pk}", detail=detail)
