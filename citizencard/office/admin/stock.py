"""Stock of cards: what lies where, what was moved by whom, what is to be scrapped."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import StockItem, StockLevel, StockMovement, StockProposal
from accounts.services.stock import propose_stock, receive_stock, refuse_stock, send_stock
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new
from citizencard.office.site import office
from citizencard.office.stock_forms import LostForm, SendForm, StockProposalForm
from citizencard.office.tables import Table, link
from terminals.services.cartons import approve_proposal, lose_carton

ROWS_SHOWN: Final = 200


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
    actions_list = ["send", "lose"]
    actions_detail = ["receive"]

    def has_move_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user move cards?"""
        return request.user.has_perm("accounts.move_stock")

    def offers(self, obj: StockMovement, step: str) -> bool:
        """What was sent arrives, as long as something of it is on its way."""
        on_its_way = obj.lines.filter(item__state=StockItem.State.TRAVELLING)
        return obj.kind == StockMovement.Kind.SENT and on_its_way.exists()

    @action(description=_("Send cards"), permissions=["move"], icon="local_shipping", variant=None)
    def send(self, request: HttpRequest) -> HttpResponse:
        """Cards of a range leave for another place."""

        def act(given: dict[str, Any]) -> StockMovement:
            return send_stock(actor=request.user.get_username(), **given)

        return ask_new(request, self, title=gettext("Send cards"), form=SendForm, act=act)

    @action(description=_("Report a carton lost"), permissions=["move"], icon="report", variant=None)
    def lose(self, request: HttpRequest) -> HttpResponse:
        """Cards are gone: out of stock, and on the hot list at once."""

        def act(given: dict[str, Any]) -> StockMovement:
            return lose_carton(actor=request.user.get_username(), occurred_at=timezone.now(), **given)

        return ask_new(request, self, title=gettext("Report a carton lost"), form=LostForm, act=act)

    @action(description=_("Confirm arrival"), permissions=["move"], icon="inventory", variant=None)
    def receive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """All that is still on its way has arrived and was counted, by another person than sent it."""
        consignment = self.object_of(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            arrived = receive_stock(consignment=consignment, actor=request.user.get_username())
            return [(gettext("cards"), str(arrived.lines.count())), (gettext("to"), str(arrived.target))]

        title = gettext("Confirm arrival")
        tables = self.tables(request, consignment)
        return ask(request, self, consignment, title=title, form=ConfirmForm, act=act, tables=tables)

    def tables(self, request: HttpRequest, obj: StockMovement) -> list[Table]:
        """Its cards."""
        lines = obj.lines.select_related("item__card").order_by("item__card__pan")[:ROWS_SHOWN]
        rows = [[link(line.item.card), line.item.carton, line.item.get_state_display()] for line in lines]
        return [table_of(_("cards"), [_("card number"), _("carton"), _("state")], rows)]


@admin.register(StockProposal, site=office)
class StockProposalAdmin(DecidedAdmin):
    """Cards to be scrapped, spoiled ones among them, and lost ones that were found."""

    may_propose, may_decide = "accounts.move_stock", "accounts.decide_stock"
    list_display = ["made_at", "kind", "place", "first", "last", "state_label", "maker", "checker"]
    list_select_related = ["place"]
    fields = ["kind", "place", "first", "last", "reason", *DECISION]
    ordering = ["-pk"]

    @action(description=_("Propose"), permissions=["propose"], icon="add", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Ask for cards to be scrapped, or say that they are found."""

        def act(given: dict[str, Any]) -> StockProposal:
            return propose_stock(actor=request.user.get_username(), **given)

        return ask_new(request, self, title=gettext("Propose"), form=StockProposalForm, act=act)

    def agree(self, row: StockProposal, checker: str) -> StockProposal:
        """Out of stock, or back in it and off the hot list."""
        approve_proposal(proposal=row, checker=checker, occurred_at=timezone.now())
        row.refresh_from_db()
        return row

    def turn_down(self, row: StockProposal, checker: str, reason: str) -> StockProposal:
        """Nothing moves."""
        return refuse_stock(proposal=row, checker=checker, reason=reason)


def table_of(title: Any, headers: list[Any], rows: list[list[Any]]) -> Table:
    """A table of at most ROWS_SHOWN rows, which says so."""
    return Table(title, headers, rows, note=_("At most %(limit)s.") % {"limit": ROWS_SHOWN})
