"""Each day's head of the audit trail, signed by the key service: who cuts off the newest entries cannot sign another head.

Whoever may delete entries may delete heads as well, the newest with the newest. So each is written to the log and is to be
kept elsewhere; see docs/privacy.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction
from django.utils import timezone

from citizencard.core.audit import GENESIS
from citizencard.core.calendar import SHANGHAI, shanghai
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.models import AuditEntry, AuditHead

logger = logging.getLogger(__name__)
_SIGNER: Final = "worker"
"""The role that signs heads, whoever starts it."""
_HEADS_LOCK: Final = 0x4175_4864
"""Advisory lock ("AuHd"): heads are signed one after another."""


def sign_audit_heads(*, now: datetime | None = None) -> list[AuditHead]:
    """Sign the head of every date that is over and has none yet, beginning with yesterday's; each in a transaction.

    Raises KeyServiceError, KeyServiceUnavailable; the next call goes on from there.
    """
    made: list[AuditHead] = []
    while (head := _sign_next(shanghai(now or timezone.now()).date())) is not None:
        made.append(head)
        logger.info("audit head %s", head.line)
    return made


@transaction.atomic
def _sign_next(today: date) -> AuditHead | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_HEADS_LOCK])
    before = AuditHead.objects.order_by("-date").first()
    day = before.date + timedelta(days=1) if before else today - timedelta(days=1)
    return _sign(day, before) if day < today else None


def _sign(day: date, before: AuditHead | None) -> AuditHead:
    over = datetime.combine(day + timedelta(days=1), time.min, tzinfo=SHANGHAI)
    newest = AuditEntry.objects.filter(at__lt=over).order_by("-pk").first()
    service = key_service(_SIGNER)
    head = AuditHead(
        date=day,
        position=(before.position if before else 0) + _entries(before, newest.pk if newest else 0),
        entry=newest.pk if newest else 0,
        entry_hash=newest.hash if newest else GENESIS,
        previous=before.digest if before else GENESIS,
        made_at=timezone.now(),
        public_key=service.public_key(SignPurpose.AUDIT_HEAD),
    )
    head.signature = service.sign(SignPurpose.AUDIT_HEAD, head.statement)
    _check_signature(head)
    head.save(force_insert=True)
    return head


def _entries(before: AuditHead | None, upto: int) -> int:
    """Entries after the head before, up to this one."""
    return AuditEntry.objects.filter(pk__gt=before.entry if before else 0, pk__lte=upto).count()


def _check_signature(head: AuditHead) -> None:
    """Raises InvalidSignature."""
    key = Ed25519PublicKey.from_public_bytes(bytes(head.public_key))
    key.verify(bytes(head.signature), head.statement)


def broken_heads() -> Iterator[tuple[AuditHead, str]]:
    """Every signed head that is not what was signed, not signed by us, follows no other, or is not in the trail any more.

    Reads the trail once. Raises KeyServiceUnavailable.
    """
    ours = _our_keys()
    before: AuditHead | None = None
    for head in AuditHead.objects.order_by("date").iterator():
        try:
            _check_signature(head)
        except InvalidSignature:
            yield head, "signature"
        if bytes(head.public_key) not in ours:
            yield head, "key"
        expected = (before.date + timedelta(days=1), before.digest) if before else (head.date, GENESIS)
        if (head.date, bytes(head.previous)) != expected:
            yield head, "order"
        entry = AuditEntry.objects.filter(pk=head.entry).first()
        found = bytes(entry.hash) if entry else GENESIS
        counted = _entries(before, head.entry) + (before.position if before else 0)
        if (found, counted) != (bytes(head.entry_hash), head.position):
            yield head, "entries"
        before = head


def _our_keys() -> set[bytes]:
    service = key_service(_SIGNER)
    versions = [key.version for key in service.status().keys if key.usage == "SIGN"]
    return {service.public_key(SignPurpose.AUDIT_HEAD, version=version) for version in versions}
