"""Rules of settlement by two people: what is proposed, and the calendar in force."""

from __future__ import annotations

import calendar
import json
from datetime import date
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin
from citizencard.office.reasons import ask_new
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


@admin.register(Proposal, site=office)
class ProposalAdmin(DecidedAdmin):
    """Contracts, calendars and other rules that wait for a second person, and what became of them."""

    list_display = ["__str__", "kind", "state_label", "maker", "made_at", "checker", "checked_at"]
    may_propose, may_decide = "settlement.propose_rules", "settlement.approve_rules"
    list_filter = ["state", "kind"]
    fields = ["kind", "reason", *DECISION]
    ordering = ["-pk"]

    def tables(self, request: HttpRequest, obj: Proposal) -> list[Table]:
        """What it says."""
        return [content_table(obj.content)]

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

    def agree(self, row: Proposal, checker: str) -> Proposal:
        """It is in force from its date on."""
        return approve_rule(proposal=row, checker=checker)

    def turn_down(self, row: Proposal, checker: str, reason: str) -> Proposal:
        """It never will be."""
        return refuse_rule(proposal=row, checker=checker, reason=reason)


@admin.register(CalendarYear, site=office)
class CalendarYearAdmin(ReadOnlyAdmin):
    """Each approved version of a year, with all its dates; the newest version of a year holds."""

    list_display = ["year", "notice", "maker", "checker", "approved_at"]
    list_select_related = ["proposal"]
    fields = ["year", "notice", "maker", "checker", "approved_at"]
    readonly_fields = ["maker", "checker", "approved_at"]
    ordering = ["-year", "-pk"]
    actions_list = ["propose"]

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose rules of settlement?"""
        return request.user.has_perm("settlement.propose_rules")

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
