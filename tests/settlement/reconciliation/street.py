"""A day at one terminal: what it journals, what it uploads, what it tells of itself, and the nights that follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from settlement.models import Difference
from settlement.services.clearing import clear_day
from terminals.models import Batch, TerminalTotal
from terminals.services.acceptance import accept_batch
from terminals.services.totals import Total, take_total
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.factories import NOON
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field

DAY, NEXT = TODAY, TODAY + timedelta(days=1)
MAKER, CHECKER = "maker", "checker"


def upload(field: Field, number: str, *records: TapRecord) -> Batch:
    return accept_batch(terminal=field.terminal, body=build_batch(number, records))


def tell(
    field: Field,
    records: Sequence[TapRecord],
    *,
    day: date = DAY,
    extra_fen: int = 0,
    unfinished: Sequence[int] = (),
) -> TerminalTotal:
    """The terminal's total of these records, as its journal would have it."""
    seqs = [record.terminal_seq for record in records]
    total = Total(
        business_date=day,
        from_seq=min([*seqs, *unfinished]),
        to_seq=max([*seqs, *unfinished]),
        records=len(records),
        total_fen=sum(record.amount_fen for record in records) + extra_fen,
        unfinished=list(unfinished),
        closed_at=NOON,
    )
    take_total(terminal=field.terminal, terminal_no=field.terminal.terminal_no, total=total)
    return TerminalTotal.objects.get(terminal=field.terminal, from_seq=total.from_seq)


def night(day: date = DAY) -> dict[str, str]:
    """The date is cleared and compared; what stands afterwards."""
    clear_day(day=day)
    return standing()


def standing() -> dict[str, str]:
    """Every difference's kind and state; two of one kind are not looked for."""
    return dict(Difference.objects.order_by("pk").values_list("kind", "state"))


def one(kind: str) -> Difference:
    return Difference.objects.get(kind=kind)


def told(difference: Difference) -> list[tuple[str, str]]:
    """Its history: who took which step."""
    return list(difference.steps.order_by("pk").values_list("state", "actor"))
