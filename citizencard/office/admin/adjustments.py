"""Adjustments: proposed with a document, checked by as many people as the amount asks for, reversed by another."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new, ask_reason
from citizencard.office.roles import TITLES
from citizencard.office.settlement_forms import AdjustmentForm, EvidenceForm
from citizencard.office.site import office
from citizencard.office.tables import Table, at
from settlement.models import Adjustment
from settlement.services.adjustments import (
    check_adjustment,
    propose_adjustment,
    propose_reversal,
    refuse_adjustment,
)


@admin.register(Adjustment, site=office)
class AdjustmentAdmin(ReadOnlyAdmin):
    """What merchants are owed more or less, with who asked for it and who agreed."""

    list_display = [
        "__str__",
        "merchant",
        "amount",
        "reason",
        "evidence",
        "state_label",
        "maker",
        "business_date",
    ]
    list_filter = ["state", "reason"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__code", "evidence"]
    fields = [
        "merchant", "amount", "against", "reason", "evidence", "state", "waits_for", "maker", "made_at", "answer", "business_date",
        "reverses",
    ]  # fmt: skip
    readonly_fields = ["amount", "waits_for"]
    ordering = ["-pk"]
    actions_list = ["propose"]
    actions_detail = ["agree", "refuse", "reverse"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user ask for adjustments?"""
        return request.user.has_perm("settlement.propose_adjustment")

    def has_check_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user check what somebody else asked for?"""
        return request.user.has_perm("settlement.check_adjustment")

    @display(description=_("state"), ordering="state", label={"proposed": "warning", "posted": "success"})
    def state_label(self, obj: Adjustment) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("to be checked by"))
    def waits_for(self, obj: Adjustment) -> str:
        """The roles by the policy of its day."""
        return "、".join(_role(role) for role in obj.roles)

    def tables(self, request: HttpRequest, obj: Adjustment) -> list[Table]:
        """Who has checked it."""
        checks = obj.checks.order_by("pk")
        rows = [[_role(check.role), check.checker, at(check.checked_at)] for check in checks]
        return [Table(_("Checks"), [_("role"), _("checked by"), _("checked at")], rows)]

    def offers(self, obj: Adjustment, step: str) -> bool:
        """Decided once; only what is posted is reversed."""
        state = Adjustment.State.POSTED if step.endswith("reverse") else Adjustment.State.PROPOSED
        return bool(obj.state == state)

    @action(description=_("Propose an adjustment"), permissions=["propose"], icon="add", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Ask for it; others check it."""

        def act(given: dict[str, Any]) -> Adjustment:
            return propose_adjustment(
                amount_fen=given["direction"] * given["amount"],
                maker=request.user.get_username(),
                **{name: given[name] for name in ("merchant", "against", "reason", "evidence")},
            )

        title = gettext("Propose an adjustment")
        return ask_new(request, self, title=title, form=AdjustmentForm, act=act)

    @action(description=_("Check"), permissions=["check"], icon="task_alt", variant=None)
    def agree(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One of those who have to agree does; the last one posts it."""
        adjustment = _adjustment(object_id)

        def act(_given: dict[str, Any]) -> Facts:
            roles = request.user.groups.values_list("name", flat=True)
            return _outcome(
                check_adjustment(adjustment=adjustment, checker=request.user.get_username(), roles=set(roles))
            )

        title, tables = gettext("Check"), self.tables(request, adjustment)
        return ask(request, self, adjustment, title=title, form=ConfirmForm, act=act, tables=tables)

    @action(description=_("Refuse"), permissions=["check"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send it back for good."""
        adjustment = _adjustment(object_id)

        def act(reason: str) -> Facts:
            checker = request.user.get_username()
            return _outcome(refuse_adjustment(adjustment=adjustment, checker=checker, reason=reason))

        return ask_reason(request, self, adjustment, title=gettext("Refuse"), act=act)

    @action(description=_("Reverse"), permissions=["propose"], icon="undo", variant=None)
    def reverse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the opposite; it is checked as any other."""
        adjustment = _adjustment(object_id)

        def act(given: dict[str, Any]) -> Facts:
            maker = request.user.get_username()
            made = propose_reversal(adjustment=adjustment, evidence=given["evidence"], maker=maker)
            return [(gettext("adjustment"), str(made)), *_outcome(made)]

        return ask(request, self, adjustment, title=gettext("Reverse"), form=EvidenceForm, act=act)


def _adjustment(object_id: str) -> Adjustment:
    return get_object_or_404(Adjustment.objects.select_related("merchant"), pk=unquote(object_id))


def _role(name: str) -> str:
    return str(TITLES.get(name, name))


def _outcome(adjustment: Adjustment) -> Facts:
    date = adjustment.business_date
    booked = [(gettext("business date"), date.isoformat())] if date else []
    return [(gettext("state"), adjustment.get_state_display()), *booked]
