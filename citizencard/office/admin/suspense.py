"""What the bank brought and nobody has explained, and the reserve-fund check that everything must agree with."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from citizencard.core.calendar import shanghai
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.bank_forms import AssignForm, DayForm, ResolutionForm
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, columns, signed_yuan, yuan
from settlement.models import ReserveReport, SuspenseItem
from settlement.selectors.reserve import waiting_at_bank
from settlement.selectors.suspense import suspense_ageing
from settlement.services.reserve import file_reserve_report
from settlement.services.suspense import (
    approve_resolution,
    assign_item,
    propose_resolution,
    refuse_resolution,
)

State = SuspenseItem.State
_STEPS = {
    "assign": {State.OPEN, State.PROPOSED},
    "propose": {State.OPEN},
    "approve": {State.PROPOSED},
    "disagree": {State.PROPOSED},
}


class StandsFilter(admin.SimpleListFilter):
    """What still has to be explained, or what is over."""

    title = _("state")
    parameter_name = "stands"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Open or over."""
        return [("open", _("to be explained")), ("over", _("over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SuspenseItem]) -> QuerySet[SuspenseItem]:
        """Those asked for."""
        if self.value() is None:
            return queryset
        standing = queryset.filter(state__in=[State.OPEN, State.PROPOSED])
        return standing if self.value() == "open" else queryset.exclude(pk__in=standing)


@admin.register(SuspenseItem, site=office)
class SuspenseItemAdmin(ReadOnlyAdmin):
    """One unexplained amount, its owner and its age."""

    list_display = ["subject", "kind", "amount", "opened_on", "age", "owner", "assignee", "state_label"]
    list_filter = [StandsFilter, "kind", "owner"]
    list_select_related = ["entry"]
    search_fields = ["subject"]
    fields = [
        "kind", "subject", "amount", "note", "opened_on", "age", "owner", "assignee", "state", "target", "reason",
        "proposed_by", "resolved_by", "resolved_at",
    ]  # fmt: skip
    readonly_fields = ["amount", "age", "note"]
    ordering = ["opened_on", "pk"]
    actions_list = ["ageing"]
    actions_detail = ["assign", "propose", "approve", "disagree"]

    @display(description=_("amount (yuan)"), ordering="signed_fen")
    def amount(self, obj: SuspenseItem) -> str:
        """As the bank counts."""
        return signed_yuan(obj.signed_fen)

    @display(description=_("age (days)"), ordering="-opened_on")
    def age(self, obj: SuspenseItem) -> int:
        """Until today, or until it was over."""
        return (shanghai(obj.resolved_at or timezone.now()).date() - obj.opened_on).days

    @display(description=_("note"))
    def note(self, obj: SuspenseItem) -> str:
        """What the bank says of it."""
        return obj.entry.note if obj.entry else ""

    @display(
        description=_("state"),
        ordering="state",
        label={"open": "danger", "proposed": "warning", "resolved": "success"},
    )
    def state_label(self, obj: SuspenseItem) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def offers(self, obj: SuspenseItem, step: str) -> bool:
        """Each step in its states; a difference of the reserve is only assigned."""
        return obj.state in _STEPS[step] and (obj.entry_id is not None or step == "assign")

    @action(description=_("Ageing"), permissions=["resolve_suspense"], icon="schedule", variant=None)
    def ageing(self, request: HttpRequest) -> HttpResponse:
        """How old everything is, on any date."""
        return ask_new(
            request,
            self,
            title=gettext("Ageing"),
            form=DayForm,
            act=lambda given: [_ageing_table(given["day"])],
        )

    @action(description=_("Assign"), permissions=["resolve_suspense"], icon="person", variant=None)
    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Who looks after it."""
        item = _item(object_id)

        def act(given: dict[str, Any]) -> Facts:
            return _outcome(assign_item(item=item, actor=request.user.get_username(), **given))

        return ask(request, self, item, title=gettext("Assign"), form=AssignForm, act=act)

    @action(
        description=_("Propose a resolution"), permissions=["resolve_suspense"], icon="rule", variant=None
    )
    def propose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Whose it is, and why."""
        item = _item(object_id)

        def act(given: dict[str, Any]) -> Facts:
            actor = request.user.get_username()
            target, reason = given["target"], given["reason"]
            return _outcome(propose_resolution(item=item, target=target, reason=reason, actor=actor))

        return ask(request, self, item, title=gettext("Propose a resolution"), form=ResolutionForm, act=act)

    @action(description=_("Approve"), permissions=["resolve_suspense"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person agrees, and the amount moves."""
        item = _item(object_id)

        def act(given: dict[str, Any]) -> Facts:
            actor = request.user.get_username()
            return _outcome(approve_resolution(item=item, actor=actor, now=timezone.now()))

        return ask(request, self, item, title=gettext("Approve"), form=ConfirmForm, act=act)

    @action(description=_("Refuse"), permissions=["resolve_suspense"], icon="block", variant=None)
    def disagree(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another person does not agree: it is open again."""
        item = _item(object_id)

        def act(reason: str) -> Facts:
            actor = request.user.get_username()
            return _outcome(refuse_resolution(item=item, actor=actor, reason=reason))

        return ask_reason(request, self, item, title=gettext("Refuse"), act=act)


@admin.register(ReserveReport, site=office)
class ReserveReportAdmin(ReadOnlyAdmin):
    """The reserve-fund report of each date: bank and books agree to the fen, or there is none."""

    list_display = ["business_date", "bank", "holders", "merchants", "made_by", "made_at"]
    fields = [
        "business_date", "statement", "holders", "merchants", "suspense", "own", "elsewhere", "late", "waiting", "bank",
        "made_by", "made_at",
    ]  # fmt: skip
    readonly_fields = ["holders", "merchants", "suspense", "own", "elsewhere", "late", "waiting", "bank"]
    ordering = ["-business_date"]
    actions_list = ["check_day"]
    holders = yuan_column("holders_fen", _("owed to card holders (yuan)"))
    merchants = yuan_column("merchants_fen", _("owed to merchants (yuan)"))
    suspense = yuan_column("suspense_fen", _("in suspense (yuan)"))
    own = yuan_column("own_fen", _("our own (yuan)"))
    elsewhere = yuan_column("elsewhere_fen", _("held elsewhere (yuan)"))
    late = yuan_column("late_fen", _("booked after the date (yuan)"))
    waiting = yuan_column("waiting_fen", _("not at the bank yet (yuan)"))
    bank = yuan_column("bank_fen", _("closing balance at the bank (yuan)"))

    def tables(self, request: HttpRequest, obj: ReserveReport) -> list[Table]:
        """What was booked and not at the bank yet, line by line."""
        rows = [
            [each.business_date, each.transfer_id, signed_yuan(each.signed_fen)]
            for each in waiting_at_bank(obj.business_date)
        ]
        headers = [_("business date"), _("transfer"), _("amount")]
        return [Table(_("Not at the bank yet"), headers, rows, columns(1, 2))] if rows else []

    @action(description=_("Check a date"), permissions=["import_bank_file"], icon="fact_check", variant=None)
    def check_day(self, request: HttpRequest) -> HttpResponse:
        """File the report of a sealed date; a difference is told and becomes an incident."""

        def act(given: dict[str, Any]) -> ReserveReport:
            actor = request.user.get_username()
            return file_reserve_report(day=given["day"], actor=actor, now=timezone.now())

        return ask_new(request, self, title=gettext("Check a date"), form=DayForm, act=act)


def _item(object_id: str) -> SuspenseItem:
    return get_object_or_404(SuspenseItem.objects.select_related("entry"), pk=unquote(object_id))


def _ageing_table(day: Any) -> Table:
    ages = [_("%(days)s days") % {"days": days} for days in ("≤ 1", "≤ 3", "≤ 7", "≤ 30", "> 30")]
    return Table(
        _("Ageing on %(day)s") % {"day": day},
        [_("kind"), *ages],
        [
            [line.kind.label, *(f"{count} · {yuan(fen)}" for count, fen in zip(line.counts, line.amounts_fen, strict=True))]
            for line in suspense_ageing(day)
        ],
        columns(1, 2, 3, 4, 5),
        note=_("Number and amount in yuan."),
    )  # fmt: skip


def _outcome(item: SuspenseItem) -> Facts:
    return [
        (gettext("state"), item.get_state_display()),
        (gettext("owner"), item.get_owner_display()),
    ]
