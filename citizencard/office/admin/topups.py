"""Top-up orders, and the differences that the three-way match finds on them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from accounts.models import GatewayEvent, Purse, TopUpDifference, TopUpOrder
from accounts.services.matching import close_difference
from citizencard.core.calendar import shanghai
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.admin.counter_topup import load_page
from citizencard.office.admin.reversals import is_todays, reversal_page
from citizencard.office.reasons import Facts, ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, yuan

ORDER_COLOURS = {
    TopUpOrder.State.CONFIRMED: "success",
    TopUpOrder.State.LOADED: "warning",
    TopUpOrder.State.PAID: "warning",
    TopUpOrder.State.REVERSED: "danger",
}

_UNDER_WAY = (TopUpOrder.State.PAID, TopUpOrder.State.LOADED)


@admin.register(TopUpOrder, site=office)
class TopUpOrderAdmin(ReadOnlyAdmin):
    """Money in, then value onto the chip."""

    list_display = [
        "number", "card", "amount", "purse_kind", "channel", "party", "state_label", "proof", "occurred_at",
    ]  # fmt: skip
    list_filter = ["state", "channel", "purse__kind"]
    list_select_related = ["card", "purse"]
    search_fields = ["number", "card__pan", "gateway_id"]
    search_help_text = _("Order number, card number or gateway payment")
    fields = [
        "number", "card", "purse_kind", "amount", "channel", "party", "payer", "state", "proof", "actor", "occurred_at",
        "received_at", "paid_at", "loaded_at", "confirmed_at", "reversed_at", "gateway_id", "online_atc", "terminal_no",
    ]  # fmt: skip
    readonly_fields = ["amount", "purse_kind"]
    ordering = ["-pk"]
    actions_detail = ["load", "reverse"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))

    @display(
        description=_("state"),
        ordering="state",
        label={str(key): value for key, value in ORDER_COLOURS.items()},
    )
    def state_label(self, obj: TopUpOrder) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("purse"), ordering="purse__kind")
    def purse_kind(self, obj: TopUpOrder) -> str:
        """Which of the card's purses is topped up."""
        return str(Purse.Kind(obj.purse.kind).label)

    def has_load_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user write to cards?"""
        return request.user.has_perm("bridge.use_reader") and request.user.has_perm("office.use_drawer")

    def offers(self, obj: TopUpOrder, step: str) -> bool:
        """Written as long as the value is on its way to a chip, undone as long as it is not there."""
        on_chip = obj.purse.kind == Purse.Kind.CHIP
        if step == "reverse":
            undone_from = TopUpOrder.State.PAID if on_chip else TopUpOrder.State.CONFIRMED
            return obj.state == undone_from and is_todays(obj)
        return on_chip and obj.state in _UNDER_WAY

    @action(description=_("Write to the card"), permissions=["load"], icon="nfc", variant=None)
    def load(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The value goes onto the chip on the reader; what was torn before is settled by the same step."""
        return load_page(request, self, self.object_of(request, object_id))

    @action(
        description=_("Reverse"), permissions=["use_drawer"], icon="settings_backup_restore", variant=None
    )
    def reverse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A wrong top-up of today: a supervisor decides."""
        return reversal_page(request, self, self.object_of(request, object_id))

    def tables(self, request: HttpRequest, obj: TopUpOrder) -> list[Table]:
        """What differs, what goes back, and what the gateway told, where there is any of it."""
        may = request.user.has_perm
        tables = [differences_table(obj.differences.order_by("-pk"))]
        if may("accounts.view_gatewayrefund"):
            tables.append(_refunds(obj))
        if may("accounts.view_gatewayevent"):
            tables.append(_messages(obj))
        return [table for table in tables if table.rows]


def differences_table(differences: QuerySet[TopUpDifference]) -> Table:
    """Differences of the three-way match in short."""
    today = shanghai(timezone.now()).date()
    return Table(
        _("Differences"),
        [_("kind"), _("ours"), _("theirs"), _("owner"), _("first seen"), _("age (days)"), _("closed by"), _("note")],
        [
            [link(each, each.get_kind_display()), yuan(each.ours_fen), yuan(each.theirs_fen), each.get_owner_display(),
             each.first_seen, "–" if each.closed_at else each.age_days(today), each.closed_by or "–", each.note]
            for each in differences
        ],
        columns(1, 2, 5),
    )  # fmt: skip


def _refunds(order: TopUpOrder) -> Table:
    return Table(
        _("Refunds through the gateway"),
        [_("idempotency key"), _("amount"), _("cause"), _("state"), _("attempts"), _("settled at")],
        [
            [link(each), yuan(each.amount_fen), each.get_cause_display(), each.get_state_display(), each.attempts,
             at(each.settled_at)]
            for each in order.gateway_refunds.order_by("-pk")
        ],
        columns(1, 4),
    )  # fmt: skip


def _messages(order: TopUpOrder) -> Table:
    known = (
        GatewayEvent.objects.filter(object_id=order.gateway_id)
        if order.gateway_id
        else GatewayEvent.objects.none()
    )
    return Table(
        _("Messages of the gateway"),
        [_("received at"), _("event"), _("kind"), _("outcome"), _("contradicts in")],
        [
            [at(each.received_at), link(each), each.kind, each.get_outcome_display(), each.fault or "–"]
            for each in known.order_by("-pk")
        ],
    )  # fmt: skip


class OpenFilter(admin.SimpleListFilter):
    """What still has to be dealt with, or what is done."""

    title = _("state")
    parameter_name = "open"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Open or closed."""
        return [("1", pgettext_lazy("difference", "open")), ("0", pgettext_lazy("difference", "closed"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[TopUpDifference]
    ) -> QuerySet[TopUpDifference]:
        """Those asked for."""
        return queryset if self.value() is None else queryset.filter(closed_at__isnull=self.value() == "1")


@admin.register(TopUpDifference, site=office)
class TopUpDifferenceAdmin(ReadOnlyAdmin):
    """Where order, gateway, chip and ledger do not agree: open ones first, the oldest first."""

    list_display = ["kind", "subject", "ours", "theirs", "owner", "first_seen", "age", "state_label"]
    list_filter = [OpenFilter, "kind", "owner"]
    search_fields = ["subject"]
    fields = [
        "kind", "subject", "order", "ours", "theirs", "owner", "first_seen", "last_seen", "age", "closed_at", "closed_by",
        "note",
    ]  # fmt: skip
    readonly_fields = ["ours", "theirs", "age"]
    ordering = [F("closed_at").desc(nulls_first=True), "first_seen", "pk"]
    actions_detail = ["close"]
    ours = yuan_column("ours_fen", _("ours (yuan)"))
    theirs = yuan_column("theirs_fen", _("theirs (yuan)"))

    @display(description=_("age (days)"), ordering="-first_seen")
    def age(self, obj: TopUpDifference) -> str:
        """How long it has been open."""
        return "–" if obj.closed_at else str(obj.age_days(shanghai(timezone.now()).date()))

    @display(description=_("state"), ordering="closed_at", label={"open": "danger", "closed": "success"})
    def state_label(self, obj: TopUpDifference) -> tuple[str, str]:
        """Open or closed, in its colour."""
        return (
            ("closed", pgettext("difference", "closed"))
            if obj.closed_at
            else ("open", pgettext("difference", "open"))
        )

    def offers(self, obj: TopUpDifference, step: str) -> bool:
        """Closed once."""
        return obj.closed_at is None

    @action(
        description=pgettext_lazy("difference", "Close"),
        permissions=["close_difference"],
        icon="task_alt",
        variant=None,
    )
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It has been dealt with, and how; if the next match finds it again it is open again."""
        difference = get_object_or_404(TopUpDifference, pk=unquote(object_id))

        def act(reason: str) -> Facts:
            done = close_difference(difference=difference, actor=request.user.get_username(), note=reason)
            return [(gettext("closed at"), at(done.closed_at)), (gettext("note"), done.note)]

        return ask_reason(request, self, difference, title=pgettext("difference", "Close"), act=act)
