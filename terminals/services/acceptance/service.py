"""Receive an upload, judge it and post it: one transaction, a fixed number of statements, the answer stored with it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from citizencard.core.calendar import assign_business_date
from terminals.errors import BatchNumberReused
from terminals.models import Batch, Terminal
from terminals.services.acceptance import answers
from terminals.services.acceptance.intake import Finding, Upload, read_upload
from terminals.services.acceptance.judgement import judge
from terminals.services.acceptance.posting import post
from terminals.wire.batch import MEDIA_TYPE, RESERVED
from terminals.wire.errors import BatchError
from terminals.wire.record import TapRecord
from terminals.wire.upload import Lines, read_header, single_line, split_batch

logger = logging.getLogger(__name__)

ONLINE, UNREADABLE = RESERVED
_DIGEST_DIGITS: Final = 24
_BY_LINE: Final = attrgetter("line.number")


def accept_batch(
    *, terminal: Terminal, body: bytes, media_type: str = MEDIA_TYPE, now: datetime | None = None
) -> Batch:
    """Take in a batch body (see `terminals.wire`) and return it stored, its answer in `answer`.

    The same body again returns the first answer and moves nothing. A batch whose header is wrong is stored REFUSED with
    its body and posts nothing; the corrected one may use its number. `now` is the centre's time, for tests.
    Raises BatchNumberReused, KeyServiceUnavailable and NoOpenBusinessDay; then nothing was changed.
    """
    now = now or timezone.now()
    digest = hashlib.sha256(body).digest()
    try:
        # What is stored never changes: for a repeat nothing is locked, and its records are not read again.
        number = read_header(body, media_type).batch_no
        if stored := _with_number(terminal, number).filter(digest=digest).first():
            return stored
        lines = split_batch(body, media_type).lines
    except BatchError as error:
        return _store_refused(terminal=terminal, digest=digest, body=body, error=error, now=now)
    return _settle(terminal=terminal, number=number, digest=digest, online=False, lines=lines, now=now)


def accept_tap(*, terminal: Terminal, body: bytes, now: datetime | None = None) -> Batch:
    """Take in one online purchase: a batch of one, numbered by the terminal sequence. As `accept_batch` otherwise.

    A record that cannot be read is kept as a refusal, under a number of its own.
    """
    now = now or timezone.now()
    lines = single_line(body)
    line = lines.line(1)
    if line.record:
        record = TapRecord.from_json(line.text)
        number, digest = online_number(record), online_digest(record)
    else:
        digest = hashlib.sha256(body).digest()
        number = _unreadable_number(digest, "tap-")
    return _settle(terminal=terminal, number=number, digest=digest, online=True, lines=lines, now=now)


def online_number(record: TapRecord) -> str:
    """The number of the batch of one that an online purchase is."""
    return f"{ONLINE}{record.terminal_seq}"


def online_digest(record: TapRecord) -> bytes:
    """What a record says, however it was spaced and ordered."""
    return hashlib.sha256(record.to_json().encode()).digest()


@transaction.atomic
def _settle(
    *, terminal: Terminal, number: str, digest: bytes, online: bool, lines: Lines, now: datetime
) -> Batch:
    terminal = _locked(terminal)
    if stored := _stored(terminal, number, digest):
        return stored
    # Under the terminal's lock only: other terminals and the cut-off do not wait for the key service.
    upload = read_upload(terminal=terminal, number=number, digest=digest, online=online, lines=lines, now=now)
    business_date = assign_business_date()
    verdicts = judge(terminal_id=terminal.pk, candidates=upload.candidates, octets=lines.octets)
    judged = (Finding(lines.line(number), verdict.code) for number, verdict in verdicts.items())
    findings = sorted([*upload.findings, *judged], key=_BY_LINE)
    describe = answers.tap_answer if upload.online else answers.batch_answer
    answer = describe(upload=upload, findings=findings, business_date=business_date)
    batch = Batch.objects.create(
        terminal=terminal,
        number=upload.number,
        digest=upload.digest,
        state=Batch.State.PROCESSED,
        online=upload.online,
        business_date=business_date,
        received_at=now,
        total_fen=lines.total_fen,
        answer=answer,
        **_counts(upload, findings),
    )
    refusals = [item for item in findings if answers.result_of(item.code) in ("duplicate", "rejected")]
    post(batch=batch, sequences=_sequences(upload, refusals), refusals=refusals)
    return batch


def _sequences(upload: Upload, refusals: Sequence[Finding]) -> NDArray[np.int64]:
    """The numbers of the records that are taps by their TACs."""
    candidates = upload.candidates
    taps = ~np.isin(candidates.rows["line"], [item.line.number for item in refusals])
    sequences: NDArray[np.int64] = candidates.rows["terminal_seq"][taps & candidates.judging["tac_right"]]
    return sequences


def _counts(upload: Upload, findings: Sequence[Finding]) -> dict[str, int]:
    results = [answers.result_of(finding.code) for finding in findings]
    counts = {name: results.count(name) for name in ("suspended", "duplicate", "rejected")}
    return {"records": len(upload.lines), "accepted": len(upload.lines) - len(results), **counts}


@transaction.atomic
def _store_refused(
    *, terminal: Terminal, digest: bytes, body: bytes, error: BatchError, now: datetime
) -> Batch:
    """Nothing of a refused batch is posted, but it is kept, or nobody could say later what was in it."""
    terminal = _locked(terminal)
    number = error.batch_no or _unreadable_number(digest)
    if stored := _stored(terminal, number, digest):
        return stored
    return Batch.objects.create(
        terminal=terminal,
        number=number,
        digest=digest,
        state=Batch.State.REFUSED,
        online=False,
        business_date=assign_business_date(),
        received_at=now,
        records=error.records,
        total_fen=error.total_fen,
        answer=answers.refused_batch(error),
        body=body,
    )


def _locked(terminal: Terminal) -> Terminal:
    """The terminal's row under lock: its uploads are settled one after another."""
    return (
        Terminal.objects.select_for_update(of=("self",), no_key=True)
        .select_related("merchant")
        .get(pk=terminal.pk)
    )


def _stored(terminal: Terminal, number: str, digest: bytes) -> Batch | None:
    """What the same content was answered before. Raises BatchNumberReused when the number was processed for another."""
    same_number = list(_with_number(terminal, number))
    if stored := next((batch for batch in same_number if bytes(batch.digest) == digest), None):
        return stored
    if any(batch.state == Batch.State.PROCESSED for batch in same_number):
        raise BatchNumberReused(number=number)
    return None


def _with_number(terminal: Terminal, number: str) -> QuerySet[Batch]:
    return Batch.objects.filter(terminal=terminal, number=number).defer("body")


def _unreadable_number(digest: bytes, what: str = "") -> str:
    """Bytes that are no batch may be sent as a purchase, too, and are told that they are no purchase."""
    return f"{UNREADABLE}{what}{digest.hex()[:_DIGEST_DIGITS]}"
