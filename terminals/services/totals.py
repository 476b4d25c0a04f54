"""Terminals' daily settle 批结算: what each says of its own journal, kept once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from terminals.errors import TotalChanged
from terminals.models import Terminal, TerminalTotal
from terminals.services.keys import lock_terminal

_SEEN: Final = """
SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM terminals_terminal,
    unnest(sequences_seen * int8multirange(int8range(%s, %s, '[]'))) AS part WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class Total:
    """A closed window of a terminal's journal, see `TerminalTotal`; amounts in fen."""

    business_date: date
    from_seq: int
    to_seq: int
    records: int
    total_fen: int
    unfinished: list[int]
    closed_at: datetime


@transaction.atomic
def take_total(*, terminal: Terminal, terminal_no: str, total: Total, now: datetime | None = None) -> int:
    """Keep what the terminal tells of a window, and say how many of its sequences the centre has. The same again is no change.

    Raises InvalidField, and TotalChanged when the window, or a part of it, was told before with other figures.
    """
    now = now or timezone.now()
    _require_sane(terminal, terminal_no, total, now)
    locked = lock_terminal(terminal)
    touched = TerminalTotal.objects.filter(
        terminal=locked, from_seq__lte=total.to_seq, to_seq__gte=total.from_seq
    )
    told = touched.order_by("from_seq").first()
    if told is None:
        TerminalTotal.objects.create(terminal=locked, received_at=now, **asdict(total))
    elif any(getattr(told, name) != value for name, value in asdict(total).items()):
        raise TotalChanged(first=total.from_seq, last=total.to_seq)
    Terminal.objects.filter(pk=locked.pk).update(seen_at=now)
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [total.from_seq, total.to_seq, locked.pk])
        return int(cursor.fetchone()[0])


def _require_sane(terminal: Terminal, terminal_no: str, total: Total, now: datetime) -> None:
    if terminal_no != terminal.terminal_no:
        raise InvalidField("terminal_no", _("not the SAM of this terminal"))
    if total.business_date > shanghai(now).date():
        raise InvalidField("business_date", _("not after today"))
    if total.to_seq < total.from_seq:
        raise InvalidField("to_seq", _("not before the first sequence"))
    if any(not total.from_seq <= seq <= total.to_seq for seq in total.unfinished):
        raise InvalidField("unfinished", _("sequences within the window"))
    if total.records + len(set(total.unfinished)) > total.to_seq - total.from_seq + 1:
        raise InvalidField("records", _("no more than the window has sequences"))
    if total.total_fen and not total.records:
        raise InvalidField("total_fen", _("nothing where there are no records"))
