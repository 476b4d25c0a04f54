"""Refunds of cards: the formula, the second person's decision, the parts and their payment."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from accounts.models import Refund, RefundPart
from accounts.selectors.refunds import bank_payouts, late_refunds, refunds_to_approve
from accounts.services.refund_waiting import quote_standing
from accounts.services.refunds import approve_refund
from citizencard.core.calendar import shanghai
from citizencard.office.admin.refund_payout import PayoutSteps, by, outcome, refund_of
from citizencard.office.admin.refund_tables import (
    chip_as_read,
    fixed_table,
    parts_table,
    quote_tables,
    request_table,
)
from citizencard.office.forms import ApprovalForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, yuan
from terminals.services.refunds import refuse_card_refund, withdraw_card_refund

State, Method = Refund.State, RefundPart.Method
COLOURS: Final = {
    "requested": "info", "cooling": "info", "due": "warning", "approved": "warning", "paid": "success",
    "failed": "danger",
}  # fmt: skip
_OFFERED: Final = {
    "approve": (State.DUE,),
    "refuse": Refund.BLOCKING,
    "withdraw": Refund.BLOCKING,
    "payee": (*Refund.BLOCKING, State.APPROVED, State.FAILED),
}
"""In which states a step has a button; paying depends on the parts."""


class WorkFilter(admin.SimpleListFilter):
    """The work lists: what waits for whom."""

    title = _("waits for")
    parameter_name = "waits"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """A second person, the bank, or an apology."""
        return [
            ("approval", _("approval")),
            ("bank", _("the bank")),
            ("late", _("late, the promise is broken")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        """Those asked for."""
        wanted = self.value() or ""
        lists = {
            "approval": refunds_to_approve().values("pk"),
            "bank": bank_payouts().values("refund"),
            "late": late_refunds(shanghai(timezone.now()).date()).values("pk"),
        }
        return queryset.filter(pk__in=lists[wanted]) if wanted in lists else queryset


@admin.register(Refund, site=office)
class RefundAdmin(PayoutSteps):
    """One card's money on its way back."""

    list_display = [
        "number", "card", "state_label", "payable", "due_on", "promised_by", "requested_by", "requested_at",
    ]  # fmt: skip
    list_filter = [WorkFilter, "state"]
    list_select_related = ["card"]
    search_fields = ["number", "card__pan"]
    search_help_text = _("Refund number or card number")
    fields = [
        "number", "card", "state", "payable", "reason", "requested_by", "requested_at", "payee", "chip", "due_on",
        "promised_by", "decided_by", "decided_at", "decision_reason", "paid_at",
    ]  # fmt: skip
    readonly_fields = ["payable", "chip"]
    ordering = ["-pk"]
    actions_detail = ["approve", "pay_cash", "confirm_bank", "return_bank", "payee", "refuse", "withdraw"]

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_label(self, obj: Refund) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("payable (yuan)"), ordering="payable_fen")
    def payable(self, obj: Refund) -> str:
        """Fixed by the approval; a dash before."""
        return "–" if obj.payable_fen is None else yuan(obj.payable_fen)

    @display(description=_("chip as read"))
    def chip(self, obj: Refund) -> str:
        """What the chip showed at the request."""
        return chip_as_read(obj)

    def tables(self, request: HttpRequest, obj: Refund) -> list[Table]:
        """The formula as it stands or stood, and the parts."""
        if obj.state in Refund.BLOCKING:
            return quote_tables(quote_standing(obj))
        return [] if obj.payable_fen is None else [fixed_table(obj), parts_table(obj)]

    def offers(self, obj: Refund, step: str) -> bool:
        """By the state; paying by what there is to pay."""
        if step in _OFFERED:
            return obj.state in _OFFERED[step]
        method, state = {
            "pay_cash": (Method.CASH, RefundPart.State.WAITING),
            "confirm_bank": (Method.BANK, RefundPart.State.WAITING),
            "return_bank": (Method.BANK, RefundPart.State.PAID),
        }[step]
        return any((part.method, part.state) == (method, state) for part in obj.parts.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        """With the parts, by which the steps are offered."""
        refunds: QuerySet[Refund] = super().get_queryset(request)
        return refunds.prefetch_related("parts")

    @action(description=_("Approve"), permissions=["approve_refund"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person agrees to the formula as the ledger has it at this moment."""
        refund = refund_of(object_id)

        def act(given: dict[str, Any]) -> Facts:
            interest = {"interest_fen": given["interest"], "interest_reason": given["interest_reason"]}
            return outcome(approve_refund(refund=refund, **interest, **by(request)))

        tables = [request_table(refund), *quote_tables(quote_standing(refund))]
        return ask(request, self, refund, title=gettext("Approve"), form=ApprovalForm, act=act, tables=tables)

    @action(description=_("Refuse"), permissions=["approve_refund"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Nothing is paid; the card may be used again."""
        refund = refund_of(object_id)

        def act(reason: str) -> Facts:
            return outcome(refuse_card_refund(refund=refund, reason=reason, **by(request)))

        return ask_reason(request, self, refund, title=gettext("Refuse"), act=act)

    @action(description=_("Withdraw"), permissions=["request_refund"], icon="undo", variant=None)
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder keeps the card."""
        refund = refund_of(object_id)

        def act(reason: str) -> Facts:
            return outcome(withdraw_card_refund(refund=refund, reason=reason, **by(request)))

        return ask_reason(request, self, refund, title=gettext("Withdraw"), act=act)
