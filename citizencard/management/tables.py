"""Reports and the trial balance as tables for a terminal window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from accounts.selectors.balances import TrialBalanceRow
from citizencard.core.money import format_yuan
from settlement.selectors.reports.frame import Cell, Column, Kind, Section

CONSOLE_COLUMNS_MIN = 110
PROBLEMS_SHOWN_MAX: Final = 200


def console(stream: object) -> Console:
    """A console on a command's output stream, wide enough for the tables when the output is no terminal."""
    return Console(file=stream, width=None if _is_terminal(stream) else CONSOLE_COLUMNS_MIN)  # type: ignore[arg-type]


def show_problems(stream: object, problems: Sequence[Any]) -> None:
    """What is wrong with a file, row by row: `row`, `field` and `fault` of each; no more than anybody reads."""
    table = Table("row", "field", "code", "what")
    for problem in problems[:PROBLEMS_SHOWN_MAX]:
        table.add_row(str(problem.row), problem.field, problem.fault.value, str(problem.fault.label))
    window = console(stream)
    window.print(table)
    if len(problems) > PROBLEMS_SHOWN_MAX:
        window.print(f"… and {len(problems) - PROBLEMS_SHOWN_MAX:,} more")


def section_table(section: Section) -> Table:
    """A table of a report, amounts in yuan. A window is narrow: figures that are nought in every row are left out."""
    columns = section.columns
    shown = [
        place
        for place, column in enumerate(columns)
        if column.kind == Kind.TEXT or any(row[place] for row in section.rows)
    ]
    table = Table(title=str(section.title), show_footer=section.is_summed)
    for place in shown:
        footer = _shown(columns[place], section.totals[place]) if place else _("total")
        justify: Literal["left", "right"] = "left" if columns[place].kind == Kind.TEXT else "right"
        table.add_column(str(columns[place].title), footer=footer, justify=justify)
    for row in section.rows:
        table.add_row(*(_shown(columns[place], row[place]) for place in shown))
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


def _shown(column: Column, cell: Cell) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return format_yuan(cell) if column.kind == Kind.FEN else f"{cell:,}"


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())
