"""Purchases given back: by terminals, and by a clerk at the counter for the merchant."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.forms import ReasonForm, YuanField
from citizencard.office.reasons import ask_new
from citizencard.office.site import office
from terminals.models import PurchaseReturn
from terminals.services.online.returns import Named, refund_at_counter


def _fresh() -> int:
    return secrets.randbelow(2**62) + 1


class CounterRefundForm(ReasonForm):
    """A purchase by its receipt. `form` is this form's own number: sent twice, it gives back once."""

    terminal_no = forms.RegexField(
        r"^[0-9A-F]{12}$", label=_("Terminal number on the receipt"), widget=UnfoldAdminTextInputWidget
    )
    terminal_seq = forms.IntegerField(
        label=_("Sequence on the receipt"), min_value=0, widget=UnfoldAdminIntegerFieldWidget
    )
    card_no = forms.RegexField(r"^[0-9]{19}$", label=_("Card number"), widget=UnfoldAdminTextInputWidget)
    amount = YuanField(label=_("Amount (yuan)"))
    form = forms.IntegerField(initial=_fresh, min_value=1, max_value=2**62, widget=forms.HiddenInput)
    field_order = ["terminal_no", "terminal_seq", "card_no", "amount", "reason"]


@admin.register(PurchaseReturn, site=office)
class PurchaseReturnAdmin(ReadOnlyAdmin):
    """What was given back of which purchase; it waits as a top-up for the card."""

    list_display = ["order", "terminal", "tap_date", "amount", "business_date", "occurred_at"]
    list_select_related = ["order", "terminal"]
    fields = [
        "order", "terminal", "tap_date", "tap_id", "number", "amount", "business_date", "occurred_at", "received_at",
    ]  # fmt: skip
    readonly_fields = ["amount"]
    search_fields = ["order__number", "terminal__code"]
    ordering = ["-pk"]
    actions_list = ["refund"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))

    def has_refund_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user give purchases back?"""
        return request.user.has_perm("terminals.refund_purchase")

    @action(description=_("Give a purchase back"), permissions=["refund"], icon="undo", variant=None)
    def refund(self, request: HttpRequest) -> HttpResponse:
        """All or a part, as the rule of the merchant's channel allows, out of the merchant's account."""

        def act(given: dict[str, Any]) -> PurchaseReturn:
            return refund_at_counter(
                purchase=Named(given["terminal_no"], given["terminal_seq"], given["card_no"]),
                amount_fen=given["amount"],
                form=given["form"],
                actor=request.user.get_username(),
                reason=given["reason"],
                occurred_at=timezone.now(),
            )

        return ask_new(request, self, title=gettext("Give a purchase back"), form=CounterRefundForm, act=act)
