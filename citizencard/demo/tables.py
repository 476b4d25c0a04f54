"""What the played day came to, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from rich.table import Table

from citizencard.core.money import format_yuan
from citizencard.demo.day import Tapped
from citizencard.demo.promises import promises
from terminals.models import Batch


def tap_table(taps: Iterable[Tapped]) -> Table:
    """Every tap as the terminal's display showed it."""
    table = Table(title=_("Taps of the day"))
    for heading in (_("time"), _("terminal"), _("holder"), _("display")):
        table.add_column(heading)
    for tapped in taps:
        table.add_row(tapped.at, tapped.terminal, tapped.who, tapped.result.display()[0])
    return table


def batch_table(batches: Iterable[Batch]) -> Table:
    """What each terminal uploaded and what became of it."""
    table = Table(title=_("Uploads"), show_footer=True)
    kept = list(batches)
    table.add_column(_("terminal"), footer=_("total"))
    table.add_column(_("batch"))
    for heading, field in (
        (_("records"), "records"),
        (_("accepted"), "accepted"),
        (_("suspended"), "suspended"),
        (_("duplicate"), "duplicate"),
        (_("rejected"), "rejected"),
    ):
        table.add_column(heading, justify="right", footer=str(sum(getattr(batch, field) for batch in kept)))
    for batch in kept:
        counts = (batch.records, batch.accepted, batch.suspended, batch.duplicate, batch.rejected)
        table.add_row(str(batch.terminal), batch.number, *(str(count or "") for count in counts))
    return table


def money_table() -> Table:
    """What is promised besides balances on chips, with how many and how much."""
    table = Table(title=_("Stored value"))
    table.add_column(_("what"))
    table.add_column(_("number"), justify="right")
    table.add_column(_("amount"), justify="right")
    for what, number, amount_fen in promises():
        table.add_row(str(what), str(number), format_yuan(amount_fen))
    return table
