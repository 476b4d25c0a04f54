"""The audit trail as an auditor reads it: what was done by whom, to what, when; and how one entry stands in the chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet

from citizencard.core.audit import GENESIS, entry_hash
from citizencard.core.calendar import SHANGHAI
from citizencard.core.models import AuditEntry, AuditHead


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is looked for; what is empty does not matter. `first` and `last` are dates of Asia/Shanghai.

    `action` is a word or the beginning of one, `words` stand anywhere in the detail.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    words: str = ""
    first: date | None = None
    last: date | None = None

    def entries(self) -> QuerySet[AuditEntry]:
        """Those entries, newest first."""
        found = AuditEntry.objects.order_by("-pk")
        if self.actor:
            found = found.filter(actor=self.actor)
        if self.subject:
            found = found.filter(subject=self.subject)
        if self.action:
            found = found.filter(action__startswith=self.action)
        if self.words:
            found = found.filter(detail__icontains=self.words)
        if self.first:
            found = found.filter(at__gte=datetime.combine(self.first, time.min, SHANGHAI))
        if self.last:
            found = found.filter(at__lt=datetime.combine(self.last + timedelta(days=1), time.min, SHANGHAI))
        return found


@dataclass(frozen=True, slots=True)
class ChainState:
    """Whether an entry is what was hashed, follows the one before it, and the one after follows it (None: it is the newest).

    `head` is the signed head that covers it, None where none does yet.
    """

    is_whole: bool
    follows: bool
    is_followed: bool | None
    head: AuditHead | None


def chain_state(entry: AuditEntry) -> ChainState:
    """How one entry stands in the chain, by its neighbours; `broken_entries` looks at all."""
    before = AuditEntry.objects.filter(pk__lt=entry.pk).order_by("-pk").first()
    after = AuditEntry.objects.filter(pk__gt=entry.pk).order_by("pk").first()
    return ChainState(
        is_whole=bytes(entry.hash) == entry_hash(entry),
        follows=bytes(entry.previous_hash) == (bytes(before.hash) if before else GENESIS),
        is_followed=bytes(after.previous_hash) == bytes(entry.hash) if after else None,
        head=AuditHead.objects.filter(entry__gte=entry.pk).order_by("date").first(),
    )
