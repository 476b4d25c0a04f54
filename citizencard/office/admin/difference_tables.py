"""The tables of the reconciliation's pages."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from citizencard.office.tables import Table, at, columns, yuan
from citizencard.office.tiles import list_url
from settlement.models import Difference, DifferenceKind
from settlement.selectors.difference_kinds import TERMS
from settlement.selectors.differences import kinds_of_day, leg_figures


def columns_table(day: date) -> Table:
    """What terminals told, what centre and ledger have, what the bank shows."""
    found = leg_figures(day)
    rows = [
        [_("records"), f"{found.told_records:,}", f"{found.posted_records:,}", ""],
        [_("purchases (yuan)"), yuan(found.told_fen), yuan(found.ledger_fen), ""],
        [_("owed to merchants (yuan)"), "", yuan(found.net_fen), ""],
        [_("ordered for payout, booked (yuan)"), "", yuan(found.ordered_fen), yuan(found.paid_fen)],
        [_("returned (yuan)"), "", "", yuan(found.returned_fen)],
    ]
    note = _("%(terminals)s terminals told a total; %(refused)s records were refused; %(top_ups)s differences of the top-up match are open.")  # fmt: skip
    return Table(
        _("Terminals, ledger and bank"),
        ["", _("terminal"), _("ledger"), _("bank")],
        rows,
        columns(1, 2, 3),
        note=note
        % {"terminals": found.terminals, "refused": found.refused_records, "top_ups": found.top_ups},
    )


def kinds_table(day: date) -> Table:
    """The date's differences by kind, each with its list."""
    rows = []
    for line in kinds_of_day(day):
        asked = urlencode({"kind__exact": line.kind, "business_date": day.isoformat()})
        name = format_html(
            '<a href="{}?{}">{}</a>',
            list_url("settlement_difference"),
            asked,
            DifferenceKind(line.kind).label,
        )
        rows.append([line.leg.label, name, line.standing, yuan(line.standing_fen), line.closed])
    headings = [
        _("leg"),
        _("kind"),
        pgettext("difference", "open"),
        _("difference (yuan)"),
        pgettext("difference", "closed"),
    ]
    return Table(_("Reconciliation differences"), headings, rows, columns(2, 3, 4))


def terms_table(difference: Difference) -> Table:
    """Whose it is and what ends it."""
    terms = TERMS[difference.kind]
    rows = [[terms.leg.label, terms.owner.label, terms.days, terms.cure]]
    return Table(
        _("What ends it"), [_("leg"), _("owner"), _("days it may be open"), _("what to do")], rows, columns(2)
    )


def steps_table(difference: Difference) -> Table:
    """What became of it, step by step."""
    rows = [
        [at(step.at), step.get_state_display(), step.actor, step.reason, step.count, yuan(step.ours_fen), yuan(step.theirs_fen)]
        for step in difference.steps.order_by("pk")
    ]  # fmt: skip
    headings = [_("at"), _("state"), _("by"), _("reason"), _("records"), _("ours (yuan)"), _("theirs (yuan)")]
    return Table(_("History"), headings, rows, columns(4, 5, 6))
