"""Automatic top-up: what citizens have agreed to at their bank, and what was collected on it."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import Mandate
from accounts.services.mandates import stop_mandate
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.reasons import Facts, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, yuan

LATEST = 50


@admin.register(Mandate, site=office)
class MandateAdmin(ReadOnlyAdmin):
    """A citizen's consent to be debited when a purse runs low."""

    list_display = [
        "reference", "holder", "bank", "amount", "threshold", "day_cap", "month_cap", "state_label", "requested_at",
    ]  # fmt: skip
    list_filter = ["state", "stop_reason"]
    list_select_related = ["citizen"]
    search_fields = ["reference", "purse__card__pan"]
    search_help_text = _("Reference or card number")
    fields = [
        "reference", "holder", "card", "bank", "amount", "threshold", "day_cap", "month_cap", "declines", "state",
        "stop_reason", "requested_at", "activated_at", "stopped_at",
    ]  # fmt: skip
    readonly_fields = ["holder", "card", "bank", "amount", "threshold", "day_cap", "month_cap"]
    ordering = ["-pk"]
    actions_detail = ["stop"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))
    threshold = yuan_column("threshold_fen", _("collected below (yuan)"))
    day_cap = yuan_column("day_cap_fen", _("at most in a day (yuan)"))
    month_cap = yuan_column("month_cap_fen", _("at most in a month (yuan)"))

    @display(description=_("citizen"))
    def holder(self, obj: Mandate) -> str:
        """Masked."""
        return str(obj.citizen)

    @display(description=_("card"))
    def card(self, obj: Mandate) -> str:
        """The card that is topped up."""
        return link(obj.purse.card)

    @display(description=_("bank"))
    def bank(self, obj: Mandate) -> str:
        """Its name and the last four digits; a dash before the citizen agreed."""
        return obj.bank or "–"

    @display(description=_("state"), ordering="state", label={"active": "success", "requested": "info"})
    def state_label(self, obj: Mandate) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def tables(self, request: HttpRequest, obj: Mandate) -> list[Table]:
        """The newest collections."""
        return [_collections(obj)]

    def offers(self, obj: Mandate, step: str) -> bool:
        """Stopped once and for good."""
        return bool(obj.state != Mandate.State.STOPPED)

    @action(description=_("Stop"), permissions=["stop_mandate"], icon="stop_circle", variant=None)
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The citizen asks at the counter or by telephone: nothing is collected from now on."""
        mandate = get_object_or_404(Mandate, pk=unquote(object_id))

        def act(reason: str) -> Facts:
            stopped = stop_mandate(
                mandate=mandate,
                actor=request.user.get_username(),
                occurred_at=timezone.now(),
                reason=reason,
            )
            return [
                (gettext("state"), stopped.get_state_display()),
                (gettext("stopped at"), at(stopped.stopped_at)),
            ]

        return ask_reason(request, self, mandate, title=gettext("Stop"), act=act)


def _collections(mandate: Mandate) -> Table:
    return Table(
        _("Collections"),
        [_("date"), _("number"), _("top-up order"), _("amount"), _("state"), _("the bank's reason")],
        [
            [each.date, each.number, link(each.order), yuan(each.order.amount_fen), each.get_state_display(),
             each.decline_code]
            for each in mandate.collections.select_related("order").order_by("-date", "-number")[:LATEST]
        ],
        columns(1, 3),
    )  # fmt: skip
