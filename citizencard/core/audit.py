"""The audit trail of staff actions: append-only rows, each with the hash of the one before it.

Changing, inserting or removing a row breaks the chain at that row. Cutting off the newest rows does not, nor does writing
all of them anew: for that the head has to be kept elsewhere as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone

from citizencard.core.models import AuditEntry

GENESIS: Final = bytes(32)
"""What stands before the first entry."""
_CHAIN_LOCK: Final = 0x4175_6469_7400
"""Advisory lock ("Audit"): entries join the chain one after another, so that none has two successors."""


_caller: ContextVar[str | None] = ContextVar("audit_caller", default=None)


@contextmanager
def called_from(address: str) -> Iterator[None]:
    """What is audited inside is asked for from this IP address; what is no address counts as none."""
    try:
        known = str(ip_address(address))
    except ValueError:
        known = None
    before = _caller.set(known)
    try:
        yield
    finally:
        _caller.reset(before)


def record_audit(
    *,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry in the caller's transaction: it stands if and only if the audited action does.

    `actor` is a user name, `action` a stable word like `card.replace`, `subject` names the object by kind and id.
    `detail` is JSON and never holds personal data or secrets; what changed stands in it as `before` and `after`, why as `reason`.
    From where is the address of `called_from`. The chain stays locked until the transaction ends,
    so record late and commit soon.
    """
    plain = json.loads(json.dumps(dict(detail or {}), cls=DjangoJSONEncoder))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
        entry = AuditEntry(
            at=timezone.now(),
            actor=actor,
            action=action,
            subject=subject,
            detail=plain,
            ip=_caller.get(),
            previous_hash=_newest_hash(),
        )
        entry.hash = entry_hash(entry)
        entry.save(force_insert=True)
    return entry


def entry_hash(entry: AuditEntry) -> bytes:
    """SHA-256 over the previous hash and every field of the entry, in canonical JSON."""
    at: datetime = entry.at
    fields = [
        at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.action,
        entry.subject,
        entry.detail,
        entry.ip,
    ]
    content = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(bytes(entry.previous_hash) + content).digest()


class Head(NamedTuple):
    """The newest entry of a trail: how many there are, its id and its hash. Kept elsewhere, it shows what was cut off since."""

    position: int
    id: int
    hash: str


def broken_entries() -> Iterator[tuple[int, AuditEntry]]:
    """Every entry whose content, or predecessor, is not what its hash says, with its position counted from 1, oldest first.

    An altered entry is itself broken; where one was removed, added or moved, it is the one that follows.
    """
    previous = GENESIS
    for position, entry in enumerate(AuditEntry.objects.order_by("pk").iterator(), start=1):
        if bytes(entry.previous_hash) != previous or bytes(entry.hash) != entry_hash(entry):
            yield position, entry
        previous = bytes(entry.hash)


def newest_head() -> Head:
    """Where the trail ends now."""
    newest = AuditEntry.objects.order_by("-pk").first()
    return (
        Head(0, 0, GENESIS.hex())
        if newest is None
        else Head(_position(newest), newest.pk, bytes(newest.hash).hex())
    )


def still_holds(head: Head) -> bool:
    """Whether a head of before is still an entry of the trail, at its place: nothing up to it was removed or written anew."""
    if head.position == 0:
        return True
    entry = AuditEntry.objects.filter(pk=head.id).first()
    return entry is not None and bytes(entry.hash).hex() == head.hash and _position(entry) == head.position


def _position(entry: AuditEntry) -> int:
    return AuditEntry.objects.filter(pk__lte=entry.pk).count()


def _newest_hash() -> bytes:
    newest = AuditEntry.objects.order_by("-pk").values_list("hash", flat=True).first()
    return GENESIS if newest is None else bytes(newest)
