"""What stands beside a business date's report: the positions of the parties, and the refusals one by one."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from citizencard.office.tables import Table, at, columns, link, signed_yuan
from citizencard.words import refusal_words
from settlement.models import ClearingRun
from terminals.models import Batch, Refusal

REFUSALS = 500


def positions_table(run: ClearingRun) -> Table:
    """What each party gets (above zero) or gives; together nothing."""
    positions = list(run.positions.select_related("account").order_by("party", "account__code"))
    total_fen = sum(each.amount_fen for each in positions)
    return Table(
        _("Settlement positions"),
        [pgettext_lazy("settlement position", "party"), _("ledger account"), _("amount")],
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
