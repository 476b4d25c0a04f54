"""Rules of settlement by two people: what is proposed, and the calendar in force."""

from __future__ import annotations

import calendar
import json
from datetime import date
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason
from citizencard.office.settlement_forms import CalendarForm, RuleForm
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns
from settlement.models import CalendarDay, CalendarYear, Proposal
from settlement.services.proposals import approve_rule, propose_rule, refuse_rule

_MARKS = {
    CalendarDay.Kind.WORKING: "",
    CalendarDay.Kind.WEEKEND: "·",
    CalendarDay.Kind.HOLIDAY: "休",
    CalendarDay.Kind.MAKEUP: "班",
}
"""As Chinese calendars print it."""


class _ProposingAdmin(ReadOnlyAdmin):
    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose rules of settlement?"""
        return request.user.has_perm("settlement.propose_rules")

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user decide on what somebody else proposed?"""
        return request.user.has_perm("settlement.approve_rules")


@admin.register(Proposal, site=office)
class ProposalAdmin(_ProposingAdmin):
    """Contracts, calendars and other rules that wait for a second person, and what became of them."""

    list_display = ["__str__", "kind", "state_label", "maker", "made_at", "checker", "checked_at"]
    list_filter = ["state", "kind"]
    fields = ["kind", "state", "reason", "maker", "made_at", "checker", "checked_at", "answer"]
    ordering = ["-pk"]
    actions_list = ["propose"]
    actions_detail = ["approve", "refuse"]

    @display(description=_("state"), ordering="state", label={"proposed": "warning", "approved": "success"})
    def state_label(self, obj: Proposal) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def tables(self, request: HttpRequest, obj: Proposal) -> list[Table]:
        """What it says."""
        return [content_table(obj.content)]

    def offers(self, obj: Proposal, step: str) -> bool:
        """Decided once."""
        return bool(obj.state == Proposal.State.PROPOSED)

    @action(description=_("Propose a rule"), permissions=["propose"], icon="upload_file", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Take a rule of any kind as JSON."""

        def act(given: dict[str, Any]) -> Proposal:
            return propose_rule(
                kind=given["kind"],
                content=given["file"],
                maker=request.user.get_username(),
                reason=given["reason"],
            )

        return ask_new(request, self, title=gettext("Propose a rule"), form=RuleForm, act=act)

    @action(description=_("Approve"), permissions=["approve"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person puts it in force."""
        proposal = get_object_or_404(Proposal, pk=unquote(object_id))

        def act(_given: dict[str, Any]) -> Facts:
            return _outcome(approve_rule(proposal=proposal, checker=request.user.get_username()))

        title, tables = gettext("Approve"), [content_table(proposal.content)]
        return ask(request, self, proposal, title=title, form=ConfirmForm, act=act, tables=tables)

    @action(description=_("Refuse"), permissions=["approve"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person sends it back for good."""
        proposal = get_object_or_404(Proposal, pk=unquote(object_id))

        def act(reason: str) -> Facts:
            checker = request.user.get_username()
            return _outcome(refuse_rule(proposal=proposal, checker=checker, reason=reason))

        return ask_reason(request, self, proposal, title=gettext("Refuse"), act=act)


@admin.register(CalendarYear, site=office)
class CalendarYearAdmin(_ProposingAdmin):
    """Each approved version of a year, with all its dates; the newest version of a year holds."""

    list_display = ["year", "notice", "maker", "checker", "approved_at"]
    list_select_related = ["proposal"]
    fields = ["year", "notice", "maker", "checker", "approved_at"]
    readonly_fields = ["maker", "checker", "approved_at"]
    ordering = ["-year", "-pk"]
    actions_list = ["propose"]

    @display(description=_("proposed by"))
    def maker(self, obj: CalendarYear) -> str:
        """Of its proposal."""
        return obj.proposal.maker

    @display(description=_("checked by"))
    def checker(self, obj: CalendarYear) -> str:
        """Of its proposal."""
        return obj.proposal.checker

    @display(description=_("checked at"))
    def approved_at(self, obj: CalendarYear) -> str:
        """When it came into force."""
        return at(obj.proposal.checked_at)

    def tables(self, request: HttpRequest, obj: CalendarYear) -> list[Table]:
        """The year at a glance, and its holidays by name."""
        days = {day.date: day for day in obj.days.all()}
        return [_at_a_glance(obj.year, days), _named(days)]

    @action(description=_("Propose a year"), permissions=["propose"], icon="upload_file", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Take a year's file; somebody else approves it."""

        def act(given: dict[str, Any]) -> Proposal:
            content = {"year": given["year"], "notice": given["notice"], "lines": given["file"]}
            maker = request.user.get_username()
            return propose_rule(kind=Proposal.Kind.CALENDAR, content=content, maker=maker)

        return ask_new(request, self, title=gettext("Propose a year"), form=CalendarForm, act=act)


def content_table(content: dict[str, Any]) -> Table:
    """What a proposal says, field by field."""
    return Table(
        _("Content"), [_("field"), _("content")], [[key, _shown(value)] for key, value in content.items()]
    )


def _shown(value: object) -> object:
    if isinstance(value, list):
        text = "\n".join(json.dumps(each, ensure_ascii=False) for each in value)
        return format_html("<pre>{}</pre>", text)
    return value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)


def _outcome(proposal: Proposal) -> Facts:
    return [
        (gettext("state"), proposal.get_state_display()),
        (gettext("checked by"), proposal.checker),
        (gettext("checked at"), at(proposal.checked_at)),
    ]


def _at_a_glance(year: int, days: dict[date, CalendarDay]) -> Table:
    rows = []
    for month in range(1, 13):
        last = calendar.monthrange(year, month)[1]
        kinds = [days[date(year, month, day)].kind for day in range(1, last + 1)]
        works = sum(kind in CalendarDay.WORK for kind in kinds)
        marks = [_MARKS[CalendarDay.Kind(kind)] or str(day) for day, kind in enumerate(kinds, start=1)]
        rows.append([month, *marks, *[""] * (31 - last), works])
    return Table(
        _("The year"),
        [_("month"), *map(str, range(1, 32)), _("working days")],
        rows,
        columns(0, 32),
        total=["", *[""] * 31, sum(row[-1] for row in rows)],
        note=_("休 holiday, 班 weekend worked instead, · weekend."),
    )


def _named(days: dict[date, CalendarDay]) -> Table:
    return Table(
        _("By the notice"),
        [_("date"), _("kind"), _("name")],
        [[day.date, day.get_kind_display(), day.name] for day in days.values() if day.name],
    )
