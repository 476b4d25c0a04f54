"""Settlement and trial balance as tables for a terminal window."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from accounts.selectors.balances import TrialBalanceRow
from citizencard.core.money import format_yuan
from settlement.selectors.figures import Amounts, DayReport
from terminals.models import Channel

CONSOLE_COLUMNS_MIN = 110


def console(stream: object) -> Console:
    """A console on a command's output stream, wide enough for the tables when the output is no terminal."""
    return Console(file=stream, width=None if _is_terminal(stream) else CONSOLE_COLUMNS_MIN)  # type: ignore[arg-type]


def settlement_table(report: DayReport) -> Table:
    """The settlement per merchant, amounts in yuan."""
    table = Table(title=_("Settlement of %(date)s") % {"date": report.business_date}, show_footer=True)
    total = _figures(report.total)
    table.add_column(_("merchant"), footer=_("total"))
    table.add_column(_("channel"))
    headings = (_("taps"), _("gross"), _("fee"), _("net"), _("suspended taps"), _("suspended"))
    for heading, figure in zip(headings, total, strict=True):
        table.add_column(heading, justify="right", footer=figure)
    for line in report.merchants:
        table.add_row(f"{line.code} {line.name}", str(Channel(line.channel).label), *_figures(line.amounts))
    return table


def trial_balance_table(rows: Iterable[TrialBalanceRow]) -> Table:
    """The trial balance, amounts in yuan; both sides sum to the same figure."""
    kept = list(rows)
    debit_fen, credit_fen = sum(row.debit_fen for row in kept), sum(row.credit_fen for row in kept)
    table = Table(title=_("Trial balance"), show_footer=True)
    table.add_column(
        _("account"), footer=_("difference %(yuan)s") % {"yuan": format_yuan(debit_fen - credit_fen)}
    )
    table.add_column(_("debit"), justify="right", footer=format_yuan(debit_fen))
    table.add_column(_("credit"), justify="right", footer=format_yuan(credit_fen))
    for row in kept:
        table.add_row(f"{row.code} {row.name}", format_yuan(row.debit_fen), format_yuan(row.credit_fen))
    return table


def _figures(amounts: Amounts) -> tuple[str, ...]:
    return (
        f"{amounts.taps:,}",
        format_yuan(amounts.gross_fen),
        format_yuan(amounts.fee_fen),
        format_yuan(amounts.net_fen),
        f"{amounts.suspended_taps:,}",
        format_yuan(amounts.suspended_fen),
    )


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())
