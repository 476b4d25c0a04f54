"""Cards to be made: orders for halls, and lists of people to be issued cards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.errors import IssueFileRefused
from accounts.models import CardOrder, IssueBatch
from accounts.services.batch_issue import (
    approve_batch,
    check_issue_file,
    progress_of,
    refuse_batch,
    upload_issue_file,
)
from accounts.services.card_orders import approve_order, propose_order, refuse_order
from accounts.services.issue_file import Problem
from citizencard.office.admin.deciding import DECISION, DecidedAdmin, told
from citizencard.office.admin.stock import ROWS_SHOWN, table_of
from citizencard.office.reasons import Facts, ask, ask_new
from citizencard.office.site import office
from citizencard.office.stock_forms import BureauForm, CardOrderForm, IssueFileForm
from citizencard.office.tables import Table, columns, link


@admin.register(CardOrder, site=office)
class CardOrderAdmin(DecidedAdmin):
    """What was ordered from the bureau, for which hall, and how far it is."""

    may_propose, may_decide = "accounts.propose_cardorder", "accounts.approve_cardorder"

    list_display = ["number", "product", "quantity", "hall", "deadline", "state", "maker", "checker"]
    list_filter = ["state", "hall", "product"]
    list_select_related = ["hall", "product"]
    ordering = ["-pk"]

    def offers(self, obj: CardOrder, step: str) -> bool:
        """Those of a batch issue are decided with their list."""
        return super().offers(obj, step) and not IssueBatch.objects.filter(order=obj).exists()

    @action(description=_("Order cards"), permissions=["propose"], icon="add", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Cards for a hall, nobody's yet."""

        def act(given: dict[str, Any]) -> CardOrder:
            return propose_order(actor=request.user.get_username(), **given)

        return ask_new(request, self, title=gettext("Order cards"), form=CardOrderForm, act=act)

    @action(description=_("Approve"), permissions=["decide"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person agrees and says who makes them."""
        order = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            checker = request.user.get_username()
            return told(approve_order(order=order, bureau=given["bureau"], checker=checker))

        return ask(request, self, order, title=gettext("Approve"), form=BureauForm, act=act)

    def turn_down(self, row: CardOrder, checker: str, reason: str) -> CardOrder:
        """Nothing is made."""
        return refuse_order(order=row, checker=checker, reason=reason)

    def tables(self, request: HttpRequest, obj: CardOrder) -> list[Table]:
        """Its cards and where they are."""
        items = obj.items.select_related("card", "place").order_by("card__pan")[:ROWS_SHOWN]
        rows = [[link(item.card), item.carton, item.place, item.get_state_display()] for item in items]
        return [table_of(_("cards"), [_("card number"), _("carton"), _("place"), _("state")], rows)]


@admin.register(IssueBatch, site=office)
class IssueBatchAdmin(DecidedAdmin):
    """Lists of people, and how far they are carried out."""

    may_propose, may_decide = "accounts.upload_issuebatch", "accounts.approve_issuebatch"
    actions_list = ["upload"]

    list_display = ["organisation", "order", "state", "maker", "made_at", "checker"]
    list_filter = ["state"]
    list_select_related = ["order"]
    fields = ["organisation", "order", "bureau", *DECISION]
    ordering = ["-pk"]

    @action(description=_("Upload a list"), permissions=["propose"], icon="upload_file", variant=None)
    def upload(self, request: HttpRequest) -> HttpResponse:
        """Check a list, and take it if nothing is wrong with it."""

        def act(given: dict[str, Any]) -> IssueBatch | list[Table]:
            content = given.pop("file").read()
            try:
                if given.pop("only_check"):
                    return [_problems(check_issue_file(content=content, product=given["product"]))]
                return upload_issue_file(content=content, maker=request.user.get_username(), **given)
            except IssueFileRefused as refusal:
                if not refusal.data["problems"]:
                    raise
                return [_problems(refusal.data["problems"])]

        return ask_new(request, self, title=gettext("Upload a list"), form=IssueFileForm, act=act)

    def agree(self, row: IssueBatch, checker: str) -> IssueBatch:
        """It is carried out in the background."""
        return approve_batch(batch=row, checker=checker)

    def turn_down(self, row: IssueBatch, checker: str, reason: str) -> IssueBatch:
        """Nobody of it gets a card."""
        return refuse_batch(batch=row, checker=checker, reason=reason)

    def tables(self, request: HttpRequest, obj: IssueBatch) -> list[Table]:
        """Its rows, with masks only."""
        done = progress_of(obj)
        rows = [
            [row.row, row.name_mask, row.document_mask, link(row.card) if row.card else row.refusal]
            for row in obj.rows.select_related("card").order_by("row")[:ROWS_SHOWN]
        ]
        headers = [_("row"), _("name"), _("document number"), _("card number")]
        return [
            Table(
                _("rows of a batch issue"), headers, rows, columns(0), ["", "", _("Total"), f"{done.made}/{done.rows}"],
                _("At most %(limit)s.") % {"limit": ROWS_SHOWN},
            )
        ]  # fmt: skip


def _problems(problems: Sequence[Problem]) -> Table:
    """What is wrong with a list; nothing where it may be taken."""
    rows = [[each.row, each.field, each.fault.label] for each in problems[:ROWS_SHOWN]]
    return table_of(_("What is wrong with the list"), [_("row"), _("column"), _("what is wrong")], rows)
