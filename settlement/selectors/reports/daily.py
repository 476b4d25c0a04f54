"""The settlement of one business date, also while it is under way: read from statements, taps and refusals."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.db.models import Count, Sum
from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import NotFound
from citizencard.core.models import BusinessDay
from settlement.models import ClearingRun, Statement
from settlement.selectors.reports.frame import Cell, Lead, Report, Section, count, fen, text
from settlement.selectors.reports.statements import FIELDS, FIGURES
from terminals.models import Channel, Refusal, Tap
from terminals.wire.reasons import REASONS

TITLE: Final = _("Daily settlement")


def day_report(day: date) -> Report:
    """The settlement of `day` per merchant and channel, what waits in suspense and what was refused. Raises NotFound.

    Before the run is netted there are no merchants' rows; counts of records are always those received so far.
    """
    window = BusinessDay.objects.filter(date=day).first()
    if window is None:
        raise NotFound(what=f"business day {day}")
    run = ClearingRun.objects.filter(business_date=day).first()
    digest = bytes(run.digest).hex() if run and run.digest else ""
    statements = list(
        Statement.objects.filter(run_id=day).select_related("merchant").order_by("merchant__code")
    )
    return Report(
        code="day",
        title=TITLE,
        first=day,
        last=day,
        as_of=day if statements else None,
        facts=(
            (_("state"), str((run or window).get_state_display())),
            *(((_("digest of the statements"), digest),) if digest else ()),
        ),
        sections=(_merchants(statements), _channels(statements), _suspended(day), _refused(day)),
    )


def _merchants(statements: list[Statement]) -> Section:
    return Section(
        title=_("Settlement per merchant"),
        columns=(
            text(_("code")), text(_("merchant")), text(_("channel")), count(_("rate (1/10,000)"), summed=False), *FIGURES,
        ),
        rows=[
            (each.merchant.code, each.merchant.name, str(Channel(each.merchant.channel).label), each.fee_basis_points,
             *_figures(each))
            for each in statements
        ],
        leads=[
            Lead("statement", (("day", each.run_id.isoformat()), ("merchant", each.merchant.code))) for each in statements
        ],
    )  # fmt: skip


def _channels(statements: list[Statement]) -> Section:
    channels = sorted({each.merchant.channel for each in statements})
    rows: list[tuple[Cell, ...]] = []
    for channel in channels:
        figures = [_figures(each) for each in statements if each.merchant.channel == channel]
        sums = map(sum, zip(*figures, strict=True))
        rows.append((str(Channel(channel).label), len(figures), *sums))
    return Section(_("Settlement per channel"), (text(_("channel")), count(_("merchants")), *FIGURES), rows)


def _figures(statement: Statement) -> tuple[int, ...]:
    return tuple(getattr(statement, name) for name in FIELDS)


def _suspended(day: date) -> Section:
    groups = (
        Tap.objects.filter(business_date=day)
        .exclude(outcome=Tap.Outcome.ACCEPTED)
        .values_list("outcome")
        .annotate(taps=Count("id"), amount_fen=Sum("amount_fen"))
        .order_by("outcome")
    )
    return Section(
        title=_("Held in suspense"),
        columns=(text(_("outcome")), count(_("taps")), fen(_("amount"))),
        rows=[(str(Tap.Outcome(outcome).label), taps, amount_fen) for outcome, taps, amount_fen in groups],
    )


def _refused(day: date) -> Section:
    """In the words the terminal's display has for it."""
    groups = (
        Refusal.objects.filter(business_date=day)
        .values_list("code")
        .annotate(records=Count("id"))
        .order_by("code")
    )
    return Section(
        title=_("Refused, by reason"),
        columns=(text(_("reason code")), text(_("reason")), count(_("records"))),
        rows=[(code, REASONS[code].zh, records) for code, records in groups],
    )
