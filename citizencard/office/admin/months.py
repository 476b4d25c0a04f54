"""Closed months: proposed, decided on by another person, and what was kept of each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason
from citizencard.office.settlement_forms import MonthForm
from citizencard.office.site import office
from citizencard.office.tables import Table, at
from settlement.models import MonthClose
from settlement.selectors.reports.catalogue import REPORTS
from settlement.services.months import approve_close, propose_close, refuse_close


@admin.register(MonthClose, site=office)
class MonthCloseAdmin(ReadOnlyAdmin):
    """Months that are closed, or that somebody has proposed to close."""

    list_display = ["__str__", "state_label", "maker", "made_at", "checker", "checked_at"]
    list_filter = ["state"]
    fields = ["month", "state", "maker", "made_at", "checker", "checked_at", "answer"]
    ordering = ["-month", "-pk"]
    actions_list = ["propose"]
    actions_detail = ["approve", "refuse"]

    @display(description=_("state"), ordering="state", label={"proposed": "warning", "closed": "success"})
    def state_label(self, obj: MonthClose) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def tables(self, request: HttpRequest, obj: MonthClose) -> list[Table]:
        """The reports that were kept, with their digests."""
        rows = [
            [_report_link(obj, kept.code), f"{len(bytes(kept.content)):,}", bytes(kept.digest).hex()]
            for kept in obj.reports.order_by("pk")
        ]
        return [Table(_("Reports kept"), [_("report"), _("bytes"), _("SHA-256")], rows, frozenset({1}))]

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose to close a month?"""
        return request.user.has_perm("settlement.propose_monthclose")

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user decide on what somebody else proposed?"""
        return request.user.has_perm("settlement.approve_monthclose")

    def offers(self, obj: MonthClose, step: str) -> bool:
        """Decided once."""
        return bool(obj.state == MonthClose.State.PROPOSED)

    @action(description=_("Close a month"), permissions=["propose"], icon="event_available", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Propose it to a second person."""

        def act(given: dict[str, Any]) -> MonthClose:
            return propose_close(month=given["month"], maker=request.user.get_username())

        return ask_new(request, self, title=gettext("Close a month"), form=MonthForm, act=act)

    @action(description=_("Close for good"), permissions=["approve"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person agrees; the reports are kept."""
        close = self.found(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            return _outcome(approve_close(close=close, checker=request.user.get_username()))

        return ask(request, self, close, title=gettext("Close for good"), form=ConfirmForm, act=act)

    @action(description=_("Refuse"), permissions=["approve"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person does not agree."""
        close = self.found(request, object_id)

        def act(reason: str) -> Facts:
            return _outcome(refuse_close(close=close, checker=request.user.get_username(), reason=reason))

        return ask_reason(request, self, close, title=gettext("Refuse"), act=act)


def _outcome(close: MonthClose) -> Facts:
    return [
        (gettext("month"), str(close)),
        (gettext("state"), close.get_state_display()),
        (gettext("checked at"), at(close.checked_at)),
    ]


def _report_link(close: MonthClose, code: str) -> str:
    url = f"{reverse('admin:report', args=[code])}?month={close}"
    return format_html('<a href="{}">{}</a>', url, REPORTS[code].title)
