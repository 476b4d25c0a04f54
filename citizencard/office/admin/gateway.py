"""The payment gateway as the office sees it: money on its way back, and every message that came."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import GatewayEvent, GatewayRefund
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.site import office
from citizencard.office.tables import yuan

REFUND_COLOURS = {"succeeded": "success", "requested": "warning", "sent": "warning", "failed": "danger"}


@admin.register(GatewayRefund, site=office)
class GatewayRefundAdmin(ReadOnlyAdmin):
    """Money on its way back through the gateway."""

    list_display = [
        "key",
        "order",
        "amount",
        "cause",
        "state_label",
        "attempts",
        "requested_at",
        "settled_at",
    ]
    list_filter = ["state", "cause"]
    list_select_related = ["order"]
    search_fields = ["key", "order__number", "gateway_id"]
    fields = [
        "key", "order", "amount", "cause", "state", "actor", "requested_at", "asked_at", "attempts", "gateway_id",
        "settled_at", "failure",
    ]  # fmt: skip
    readonly_fields = ["amount"]
    ordering = ["-pk"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))

    @display(description=_("state"), ordering="state", label=REFUND_COLOURS)
    def state_label(self, obj: GatewayRefund) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()


@admin.register(GatewayEvent, site=office)
class GatewayEventAdmin(ReadOnlyAdmin):
    """What the gateway told, and what came of it."""

    list_display = ["event_id", "kind", "object_id", "outcome_label", "fault", "received_at"]
    list_filter = ["outcome", "kind"]
    search_fields = ["event_id", "object_id", "reference"]
    fields = [
        "event_id", "kind", "object_id", "reference", "amount", "currency", "outcome", "fault", "received_at",
    ]  # fmt: skip
    readonly_fields = ["amount"]
    ordering = ["-pk"]

    @display(description=_("amount (yuan)"))
    def amount(self, obj: GatewayEvent) -> str:
        """As the gateway said it; a dash where it names none."""
        return "–" if obj.amount_fen is None else yuan(obj.amount_fen)

    @display(description=_("outcome"), ordering="outcome", label={"booked": "success", "mismatch": "danger"})
    def outcome_label(self, obj: GatewayEvent) -> tuple[str, str]:
        """The outcome in its colour."""
        return obj.outcome, obj.get_outcome_display()
