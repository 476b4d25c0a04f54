"""The steps by which an approved refund reaches its payees, as buttons of its page."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.models import Refund, RefundPart
from accounts.services.refund_payout import (
    confirm_bank_payout,
    name_payee,
    pay_refund_in_cash,
    return_bank_payout,
)
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.refund_tables import parts_table
from citizencard.office.forms import ConfirmForm, PayeeForm, PayoutForm, ReturnForm
from citizencard.office.reasons import Facts, ask
from citizencard.office.tables import yuan

Method = RefundPart.Method


def refund_of(object_id: str) -> Refund:
    """The refund of a page's address, or 404."""
    return get_object_or_404(Refund.objects.select_related("card", "policy"), pk=unquote(object_id))


def by(request: HttpRequest) -> dict[str, Any]:
    """Who and when."""
    return {"actor": request.user.get_username(), "occurred_at": timezone.now()}


def outcome(refund: Refund) -> Facts:
    """Where the refund stands after a step."""
    payable = "–" if refund.payable_fen is None else yuan(refund.payable_fen)
    return [(gettext("state"), refund.get_state_display()), (gettext("payable (yuan)"), payable)]


def _bank_parts(refund: Refund, state: str) -> QuerySet[RefundPart]:
    return refund.parts.filter(method=Method.BANK, state=state).order_by("pk")


class PayoutSteps(ReadOnlyAdmin):
    """Where the money goes, and that it went."""

    @action(
        description=_("Name payee"),
        permissions=["request_refund"],
        icon="account_balance",
        variant=None,
    )
    def payee(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Never by whoever approves and confirms the payout."""
        refund = refund_of(object_id)

        def act(given: dict[str, Any]) -> Facts:
            return outcome(name_payee(refund=refund, payee=given["payee"], actor=request.user.get_username()))

        return ask(request, self, refund, title=gettext("Name payee"), form=PayeeForm, act=act)

    @action(description=_("Pay in cash"), permissions=["approve_refund"], icon="payments", variant=None)
    def pay_cash(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder takes the cash part at the counter."""
        refund = refund_of(object_id)

        def act(given: dict[str, Any]) -> Facts:
            return outcome(pay_refund_in_cash(refund=refund, **by(request)))

        tables = [parts_table(refund)]
        return ask(
            request, self, refund, title=gettext("Pay in cash"), form=ConfirmForm, act=act, tables=tables
        )

    @action(
        description=_("Paid by the bank"),
        permissions=["approve_refund"],
        icon="account_balance",
        variant=None,
    )
    def confirm_bank(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The bank reports a part as paid, under its number."""
        refund = refund_of(object_id)

        def act(given: dict[str, Any]) -> Facts:
            return outcome(
                confirm_bank_payout(part=given["part"], reference=given["reference"], **by(request))
            )

        form = partial(PayoutForm, _bank_parts(refund, RefundPart.State.WAITING))
        return ask(request, self, refund, title=gettext("Paid by the bank"), form=form, act=act)

    @action(
        description=_("Returned by the bank"), permissions=["approve_refund"], icon="keyboard_return",
        variant=None,
    )  # fmt: skip
    def return_bank(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A paid part came back: it is owed again."""
        refund = refund_of(object_id)

        def act(given: dict[str, Any]) -> Facts:
            return outcome(return_bank_payout(part=given["part"], reason=given["reason"], **by(request)))

        form = partial(ReturnForm, _bank_parts(refund, RefundPart.State.PAID))
        return ask(request, self, refund, title=gettext("Returned by the bank"), form=form, act=act)
