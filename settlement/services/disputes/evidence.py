"""Evidence: asked for, filed by each side, sealed for its row, and opened again by staff with a reason.

A file is what its content is, whatever it is called: PDF, JPEG or PNG. It is kept sealed and only ever handed out as a
download of that type.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import DataAccess
from accounts.services.diary import reveal_to_staff
from citizencard.core import pii
from citizencard.core.errors import InvalidField
from citizencard.core.states import step_to
from settlement.errors import IllegalDisputeStep
from settlement.locks import lock_dispute
from settlement.models import Dispute, DisputeEvidence
from settlement.services.disputes.telling import audit

FILE_MAX: Final = 2 * 1024 * 1024
WORDS_MAX: Final = 2000
_TABLE: Final = "settlement_disputeevidence"
_BEGINNINGS: Final = {
    b"%PDF-": DisputeEvidence.FileKind.PDF,
    b"\xff\xd8\xff": DisputeEvidence.FileKind.JPEG,
    b"\x89PNG\r\n\x1a\n": DisputeEvidence.FileKind.PNG,
}
Party, State = DisputeEvidence.Party, Dispute.State


@transaction.atomic
def ask_evidence(*, dispute: Dispute, actor: str, now: datetime) -> Dispute:
    """Whoever was paid is asked to show that the charge is right; from now on silence is at their cost. Audited.

    Raises IllegalDisputeStep.
    """
    current = lock_dispute(dispute.pk)
    with step_to(State.ASKED, IllegalDisputeStep):
        current.ask(now)
    current.save(update_fields=Dispute.STEPS)
    audit(current, "dispute.ask", actor)
    return current


@transaction.atomic
def file_evidence(
    *, dispute: Dispute, party: str, words: str, actor: str, now: datetime, file: bytes | None = None
) -> DisputeEvidence:
    """Something more is brought forward while the dispute is under way. The first word for the charge ends the waiting for it.

    Audited. Raises IllegalDisputeStep (it has ended), InvalidField, KeyServiceUnavailable.
    """
    current = lock_dispute(dispute.pk)
    if current.state in Dispute.ENDED:
        raise IllegalDisputeStep(source=State(current.state).label, target=State.ANSWERED.label)
    made = add_evidence(dispute=current, party=party, words=words, file=file, actor=actor, now=now)
    if party != Party.HOLDER and current.state in (State.OPENED, State.ASKED):
        current.answer()
        current.save(update_fields=Dispute.STEPS)
    audit(current, "dispute.evidence", actor, party=party, file=made.file_kind)
    return made


def add_evidence(
    *, dispute: Dispute, party: str, words: str, file: bytes | None, actor: str, now: datetime
) -> DisputeEvidence:
    """Keep words and file, sealed. Raises InvalidField (nothing said, too long, no file of a known kind)."""
    words = words.strip()
    if party not in Party.values:
        raise InvalidField("party", _("unknown"))
    if not words and file is None:
        raise InvalidField("words", _("please say what it is about"))
    if len(words) > WORDS_MAX:
        raise InvalidField("words", _("at most %s characters") % WORDS_MAX)
    evidence = DisputeEvidence(
        id=uuid.uuid4(), dispute=dispute, party=party, actor=actor, filed_at=now, file_kind=""
    )
    if words:
        evidence.words_sealed = pii.seal(_TABLE, "words_sealed", evidence.id, words)
    if file is not None:
        evidence.file_kind, evidence.file_bytes = kind_of(file), len(file)
        evidence.digest = hashlib.sha256(file).digest()
        evidence.file_sealed = pii.seal(_TABLE, "file_sealed", evidence.id, b64encode(file).decode())
    evidence.save(force_insert=True)
    return evidence


def kind_of(file: bytes) -> DisputeEvidence.FileKind:
    """What a file is by its content. Raises InvalidField for anything but a PDF, JPEG or PNG of at most FILE_MAX bytes."""
    if len(file) > FILE_MAX:
        raise InvalidField("file", _("at most %s MB") % (FILE_MAX // 1024 // 1024))
    found = next((kind for begin, kind in _BEGINNINGS.items() if file.startswith(begin)), None)
    if found is None:
        raise InvalidField("file", _("neither a PDF nor a JPEG or PNG picture"))
    return found


def open_words(*, evidence: DisputeEvidence, actor: str, reason: str) -> str:
    """What was said, for a member of staff with a reason. Audited."""
    return _opened(evidence, "words_sealed", evidence.words_sealed, actor, reason)


def open_file(*, evidence: DisputeEvidence, actor: str, reason: str) -> bytes:
    """The file, for a member of staff with a reason; empty where there is none. Audited."""
    return b64decode(_opened(evidence, "file_sealed", evidence.file_sealed, actor, reason))


def _opened(
    evidence: DisputeEvidence, column: str, sealed: bytes | memoryview | None, actor: str, reason: str
) -> str:
    if sealed is None:
        return ""
    place = pii.SealedField(_TABLE, column, evidence.pk, bytes(sealed))
    opened = reveal_to_staff(
        citizen=evidence.dispute.charge.card.citizen,
        subject=f"{_TABLE}:{evidence.pk}",
        fields={DataAccess.Field.STATEMENT: place},
        actor=actor,
        reason=reason,
    )
    return opened[DataAccess.Field.STATEMENT]
