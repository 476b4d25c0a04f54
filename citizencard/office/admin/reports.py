"""A business date's figures as tables."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext_lazy as _

from citizencard.office.tables import Table, at, columns, link, yuan
from citizencard.templatetags.money import signed_yuan
from citizencard.words import refusal_words
from settlement.models import ClearingRun
from settlement.selectors.figures import Amounts, DayReport
from terminals.models import Batch, Channel, Refusal, Tap

REFUSALS = 500
_FIGURES = (
    _("taps"),
    _("online payments"),
    _("online"),
    _("gross"),
    _("fee"),
    _("adjustments"),
    _("net"),
    _("suspended taps"),
    _("suspended"),
)


def day_tables(report: DayReport) -> list[Table]:
    """Per merchant, per channel, what waits in suspense, what was refused."""
    return [_merchants(report), _channels(report), _suspended(report), _refused(report)]


def positions_table(run: ClearingRun) -> Table:
    """What each party gets (above zero) or gives; together nothing."""
    positions = list(run.positions.select_related("account").order_by("party", "account__code"))
    total_fen = sum(each.amount_fen for each in positions)
    return Table(
        _("Settlement positions"),
        [_("party"), _("ledger account"), _("amount")],
        [[each.get_party_display(), each.account or "–", signed_yuan(each.amount_fen)] for each in positions],
        columns(2),
        total=[_("Total"), "", signed_yuan(total_fen)] if positions else (),
    )


def refusals_table(day: date) -> Table:
    """Every record refused on `day`, with the rule it broke."""
    refusals = list(Refusal.objects.filter(business_date=day).order_by("id")[:REFUSALS])
    batches = Batch.objects.select_related("terminal").in_bulk({each.batch_id for each in refusals})
    return Table(
        _("Refused records"),
        [_("received at"), _("terminal"), _("batch"), _("line"), _("reason"), _("detail")],
        [
            [at(each.received_at), batches[each.batch_id].terminal.code,
             link(batches[each.batch_id], batches[each.batch_id].number), each.line, refusal_words(each.code), each.detail]
            for each in refusals
        ],
        columns(3),
        note=_("At most %(limit)s.") % {"limit": REFUSALS},
    )  # fmt: skip


def _cells(amounts: Amounts) -> list[object]:
    return [
        amounts.taps,
        amounts.online,
        yuan(amounts.online_fen),
        yuan(amounts.gross_fen),
        yuan(amounts.fee_fen),
        yuan(amounts.adjusted_fen),
        yuan(amounts.net_fen),
        amounts.suspended_taps,
        yuan(amounts.suspended_fen),
    ]


def _rate(basis_points: int | None) -> str:
    return "–" if basis_points is None else f"{basis_points / 100:.2f} %"


def _merchants(report: DayReport) -> Table:
    return Table(
        _("Settlement per merchant"),
        [_("code"), _("merchant"), _("channel"), _("rate"), *_FIGURES],
        [
            [line.code, line.name, Channel(line.channel).label, _rate(line.fee_basis_points),
             *_cells(line.amounts)]
            for line in report.merchants
        ],
        columns(*range(3, 13)),
        total=[_("Total"), "", "", "", *_cells(report.total)] if report.merchants else (),
        note=_("Amounts in yuan."),
    )  # fmt: skip


def _channels(report: DayReport) -> Table:
    return Table(
        _("Settlement per channel"),
        [_("channel"), _("merchants"), *_FIGURES],
        [[Channel(line.channel).label, line.merchants, *_cells(line.amounts)] for line in report.channels],
        columns(*range(1, 11)),
    )


def _suspended(report: DayReport) -> Table:
    return Table(
        _("Held in suspense"),
        [_("outcome"), _("taps"), _("amount")],
        [[Tap.Outcome(line.outcome).label, line.taps, yuan(line.amount_fen)] for line in report.suspended],
        columns(1, 2),
    )


def _refused(report: DayReport) -> Table:
    return Table(
        _("Refused, by reason"),
        [_("reason code"), _("reason"), _("records")],
        [[line.code, refusal_words(line.code), line.records] for line in report.refusals],
        columns(2),
    )
