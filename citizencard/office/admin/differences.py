"""Three-way reconciliation in the office: a date's three columns, its differences, their decisions and their evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import F, QuerySet
from django.db.models.functions import Abs
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from citizencard.core.audit import record_audit
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.admin.difference_tables import columns_table, kinds_table, steps_table, terms_table
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.report_pages import as_file
from citizencard.office.site import office
from citizencard.office.tables import Table, yuan
from settlement.exports import evidence_pack
from settlement.models import DECIDED_ELSEWHERE, Difference, Reconciliation
from settlement.selectors.difference_kinds import Leg, kinds_of
from settlement.selectors.differences import BUCKETS, STANDING, age_days, bucket_of, is_over_age
from settlement.selectors.evidence import evidence_of
from settlement.services.differences import approve_decision, propose_decision, refuse_decision

ZIP: Final = "application/zip"
State = Difference.State
_COLOURS: Final = {0: "success", 1: "info", 3: "warning", 7: "warning", 30: "danger"}


class _Filter(admin.SimpleListFilter):
    """A choice of differences."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Difference]) -> QuerySet[Difference]:
        """Those asked for."""
        return queryset if self.value() is None else self.chosen(queryset, self.value() or "")

    def chosen(self, queryset: QuerySet[Difference], value: str) -> QuerySet[Difference]:
        """Those of a choice."""
        raise NotImplementedError


class StandsFilter(_Filter):
    """What is open, what is so for too long, or what is over."""

    title = _("state")
    parameter_name = "stands"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Open, late or over."""
        return [("open", _("to be explained")), ("late", _("open for too long")), ("over", _("over"))]

    def chosen(self, queryset: QuerySet[Difference], value: str) -> QuerySet[Difference]:
        """Those that stand so."""
        standing = queryset.filter(state__in=STANDING)
        if value == "late":
            return standing.filter(is_over_age(timezone.now()))
        return standing if value == "open" else queryset.exclude(state__in=STANDING)


class LegFilter(_Filter):
    """Between what they stand."""

    title = _("leg")
    parameter_name = "leg"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """The three legs."""
        return [(leg.value, leg.label) for leg in Leg]

    def chosen(self, queryset: QuerySet[Difference], value: str) -> QuerySet[Difference]:
        """Those of a leg."""
        return queryset.filter(kind__in=kinds_of(Leg(value))) if value in Leg.values else queryset.none()


class AgeFilter(_Filter):
    """How old they are."""

    title = _("open for at least")
    parameter_name = "days"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """1, 3, 7 and 30 days."""
        return [(str(days), _("%(days)s days") % {"days": days}) for days in BUCKETS]

    def chosen(self, queryset: QuerySet[Difference], value: str) -> QuerySet[Difference]:
        """What has been open so long."""
        days = {str(each): each for each in BUCKETS}.get(value)
        if days is None:
            return queryset.none()
        return queryset.filter(state__in=STANDING, since__lte=timezone.now() - timedelta(days=days))


@admin.register(Difference, site=office)
class DifferenceAdmin(ReadOnlyAdmin):
    """One difference: where it comes from, whose it is, how old, and how it ends."""

    list_display = [
        "business_date", "kind", "terminal", "merchant", "count", "ours", "theirs", "amount", "age", "owner", "state_label",
    ]  # fmt: skip
    list_filter = [StandsFilter, AgeFilter, LegFilter, "kind", "owner", "business_date"]
    list_select_related = ["terminal", "merchant"]
    search_fields = ["subject", "terminal__code", "merchant__code", "merchant__name"]
    search_help_text = _("Terminal, merchant or number")
    fields = [
        "business_date", "kind", "subject", "terminal", "merchant", "terminal_seq", "count", "ours", "theirs", "amount", "since",
        "age", "owner", "state", "reason", "proposed_by", "decided_by", "closed_at",
    ]  # fmt: skip
    readonly_fields = ["ours", "theirs", "amount", "age"]
    ordering = ["since", "pk"]
    actions_detail = ["propose", "approve", "disagree", "evidence"]
    ours = yuan_column("ours_fen", _("ours (yuan)"))
    theirs = yuan_column("theirs_fen", _("theirs (yuan)"))

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user say how it ends?"""
        return request.user.has_perm("settlement.propose_difference")

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user agree?"""
        return request.user.has_perm("settlement.approve_difference")

    def has_read_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Who sees the difference may take its evidence."""
        return self.has_view_permission(request)

    @display(description=_("difference (yuan)"), ordering=Abs(F("ours_fen") - F("theirs_fen")))
    def amount(self, obj: Difference) -> str:
        """What is at stake."""
        return yuan(obj.amount_fen)

    @display(description=_("age"), ordering="-since", label=_COLOURS)
    def age(self, obj: Difference) -> tuple[int, str]:
        """Whole days, coloured by bucket."""
        days = age_days(obj, timezone.now())
        return bucket_of(days), gettext("%(days)s days") % {"days": days}

    @display(
        description=_("state"),
        ordering="state",
        label={"open": "danger", "proposed": "warning", "explained": "success", "resolved": "success"},
    )
    def state_label(self, obj: Difference) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def tables(self, request: HttpRequest, obj: Difference) -> list[Table]:
        """What ends it, and what became of it so far."""
        return [terms_table(obj), steps_table(obj)]

    def offers(self, obj: Difference, step: str) -> bool:
        """Decisions in their states, and only where they are made here; the evidence always."""
        if step == "evidence":
            return True
        return obj.kind not in DECIDED_ELSEWHERE and obj.state == (
            State.OPEN if step == "propose" else State.PROPOSED
        )

    @action(description=_("Propose a decision"), permissions=["propose"], icon="rate_review", variant=None)
    def propose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How it ends, and why."""
        difference = self.object_of(request, object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _outcome(propose_decision(difference=difference, actor=actor, reason=reason))

        title, tables = gettext("Propose a decision"), self.tables(request, difference)
        return ask_reason(request, self, difference, title=title, act=act, tables=tables)

    @action(description=_("Approve"), permissions=["approve"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person agrees."""
        difference = self.object_of(request, object_id)

        def act(given: dict[str, Any]) -> Facts:
            return _outcome(approve_decision(difference=difference, actor=request.user.get_username()))

        title, tables = gettext("Approve"), self.tables(request, difference)
        return ask(request, self, difference, title=title, form=ConfirmForm, act=act, tables=tables)

    @action(description=_("Refuse"), permissions=["approve"], icon="block", variant=None)
    def disagree(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person does not agree: it is open again."""
        difference = self.object_of(request, object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _outcome(refuse_decision(difference=difference, actor=actor, reason=reason))

        return ask_reason(request, self, difference, title=gettext("Refuse"), act=act)

    @action(description=_("Evidence pack"), permissions=["read"], icon="folder_zip")
    def evidence(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Everything that speaks about it, in one archive."""
        difference = self.object_of(request, object_id)
        pack = evidence_pack(str(difference), evidence_of(difference))
        record_audit(
            actor=request.user.get_username(),
            action="difference.evidence",
            subject=f"evidence:{difference.pk}",
        )
        return as_file(pack, ZIP, f"difference-{difference.pk}.zip")


@admin.register(Reconciliation, site=office)
class ReconciliationAdmin(ReadOnlyAdmin):
    """A date that was compared: terminals, ledger and bank side by side."""

    list_display = ["business_date", "counted_at"]
    fields = ["business_date", "counted_at"]
    ordering = ["-business_date"]

    def tables(self, request: HttpRequest, obj: Reconciliation) -> list[Table]:
        """The three columns, and the differences by kind."""
        return [columns_table(obj.business_date), kinds_table(obj.business_date)]


def _outcome(difference: Difference) -> Facts:
    return [
        (gettext("state"), difference.get_state_display()),
        (gettext("proposed by"), difference.proposed_by or "–"),
        (gettext("decided by"), difference.decided_by or "–"),
    ]
