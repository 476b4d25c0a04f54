"""Stock of cards: what lies where, what was moved by whom, what is ordered, and lists of people to be issued cards."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import CardOrder, IssueBatch, StockLevel, StockMovement
from accounts.services.batch_issue import progress_of
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION
from citizencard.office.site import office
from citizencard.office.tables import Table, columns, link

_ROWS: Final = 200


@admin.register(StockLevel, site=office)
class StockLevelAdmin(ReadOnlyAdmin):
    """How many cards lie at each place, and why; fewer than the minimum are red."""

    list_display = [
        "place",
        "product",
        "stock",
        "minimum",
        "produced",
        "came",
        "went",
        "issued",
        "scrapped",
        "lost",
    ]
    list_filter = ["place", "product"]
    list_select_related = ["place", "product"]
    ordering = ["place", "product"]

    @display(description=_("in stock"), ordering="count", label={True: "danger"})
    def stock(self, obj: StockLevel) -> tuple[bool, str]:
        """The number, in red below the minimum."""
        return obj.count < obj.minimum, str(obj.count)


@admin.register(StockMovement, site=office)
class StockMovementAdmin(ReadOnlyAdmin):
    """What happened to cards, signed."""

    list_display = ["moved_at", "kind", "source", "target", "actor", "witness", "reason"]
    list_filter = ["kind", "source", "target"]
    list_select_related = ["source", "target"]
    ordering = ["-pk"]

    def tables(self, request: HttpRequest, obj: StockMovement) -> list[Table]:
        """Its cards."""
        lines = obj.lines.select_related("item__card").order_by("item__card__pan")[:_ROWS]
        rows = [[link(line.item.card), line.item.carton, line.item.get_state_display()] for line in lines]
        return [_table(_("cards"), [_("card number"), _("carton"), _("state")], rows)]


@admin.register(CardOrder, site=office)
class CardOrderAdmin(ReadOnlyAdmin):
    """What was ordered from the bureau, for which hall, and how far it is."""

    list_display = ["number", "product", "quantity", "hall", "deadline", "state", "maker", "checker"]
    list_filter = ["state", "hall", "product"]
    list_select_related = ["hall", "product"]
    ordering = ["-pk"]

    def tables(self, request: HttpRequest, obj: CardOrder) -> list[Table]:
        """Its cards and where they are."""
        items = obj.items.select_related("card", "place").order_by("card__pan")[:_ROWS]
        rows = [[link(item.card), item.carton, item.place, item.get_state_display()] for item in items]
        return [_table(_("cards"), [_("card number"), _("carton"), _("place"), _("state")], rows)]


@admin.register(IssueBatch, site=office)
class IssueBatchAdmin(ReadOnlyAdmin):
    """Lists of people, and how far they are carried out."""

    list_display = ["organisation", "order", "state", "maker", "made_at", "checker"]
    list_filter = ["state"]
    list_select_related = ["order"]
    fields = ["organisation", "order", "bureau", *DECISION]
    ordering = ["-pk"]

    def tables(self, request: HttpRequest, obj: IssueBatch) -> list[Table]:
        """Its rows, with masks only."""
        done = progress_of(obj)
        rows = [
            [row.row, row.name_mask, row.document_mask, link(row.card) if row.card else row.refusal]
            for row in obj.rows.select_related("card").order_by("row")[:_ROWS]
        ]
        headers = [_("row"), _("name"), _("document number"), _("card number")]
        return [
            Table(
                _("rows of a batch issue"), headers, rows, columns(0), ["", "", _("Total"), f"{done.made}/{done.rows}"],
                _("At most %(limit)s.") % {"limit": _ROWS},
            )
        ]  # fmt: skip


def _table(title: Any, headers: list[Any], rows: list[list[Any]]) -> Table:
    return Table(title, headers, rows, note=_("At most %(limit)s.") % {"limit": _ROWS})
