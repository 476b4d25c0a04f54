"""Purchases without proof and rides by code: what waits, for how long, and how the others ended."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import display

from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.site import office
from citizencard.office.tables import Table, at
from terminals.models import Grey, GreyStep, Ride
from terminals.wire.reasons import REASONS

COLOURS: Final = {
    "open": "warning", "settled": "success", "dropped": "danger", "ended": "default", "replaced": "info",
    "suspicion": "danger",
}  # fmt: skip
_CLOSED: Final = GreyStep.objects.filter(grey=OuterRef("pk")).exclude(state=GreyStep.State.OPEN)


class StateFilter(admin.SimpleListFilter):
    """Where a grey record stands; those that wait come first."""

    title = _("state")
    parameter_name = "stands"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Each state."""
        return list(GreyStep.State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Grey]) -> QuerySet[Grey]:
        """Those that stand there."""
        wanted = self.value()
        if wanted == GreyStep.State.OPEN:
            return queryset.filter(~Exists(_CLOSED))
        return queryset.filter(steps__state=wanted) if wanted in GreyStep.State.values else queryset


@admin.register(Grey, site=office)
class GreyAdmin(ReadOnlyAdmin):
    """Purchases that terminals report without a TAC."""

    list_display = ["terminal", "terminal_seq", "pan", "amount", "cause", "state_label", "age", "occurred_at"]
    list_filter = [StateFilter, "cause", "merchant"]
    list_select_related = ["terminal"]
    search_fields = ["pan", "terminal__code"]
    search_help_text = _("Card number or terminal")
    fields = [
        "terminal", "merchant", "terminal_seq", "pan", "atc", "cause", "amount", "chip_balance", "occurred_at",
        "received_at", "place",
    ]  # fmt: skip
    readonly_fields = ["amount", "chip_balance"]
    ordering = ["-pk"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))
    chip_balance = yuan_column("balance_fen", _("chip balance after (yuan)"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grey]:
        """Each with how it was closed, in one query."""
        closed = Subquery(_CLOSED.values("state")[:1])
        rows: QuerySet[Grey] = super().get_queryset(request).annotate(closed=closed)
        return rows

    @display(description=_("state"), label=COLOURS)
    def state_label(self, obj: Any) -> tuple[str, str]:
        """Where it stands, in its colour."""
        state = GreyStep.State(obj.closed or GreyStep.State.OPEN)
        return state.value, str(state.label)

    @display(description=_("waiting for"), ordering="received_at")
    def age(self, obj: Any) -> str:
        """How long it has been open."""
        return "–" if obj.closed else timesince(obj.received_at, depth=1)

    def tables(self, request: HttpRequest, obj: Grey) -> list[Table]:
        """Its story."""
        return [
            Table(
                _("Story"),
                [_("at"), _("state"), _("rule"), _("detail"), _("journal")],
                [
                    [
                        at(each.at),
                        each.get_state_display(),
                        each.rule,
                        each.detail or "–",
                        each.journal or "–",
                    ]
                    for each in obj.steps.select_related("journal").order_by("id")
                ],
            )
        ]


@admin.register(Ride, site=office)
class RideAdmin(ReadOnlyAdmin):
    """Rides by ride code, the refused ones too: a code shown twice is here twice."""

    list_display = ["terminal", "card", "amount", "outcome_words", "occurred_at", "place"]
    list_filter = ["outcome", "merchant"]
    list_select_related = ["terminal", "card"]
    search_fields = ["card__pan", "terminal__code"]
    search_help_text = _("Card number or terminal")
    fields = [
        "terminal",
        "merchant",
        "card",
        "amount",
        "outcome_words",
        "occurred_at",
        "received_at",
        "place",
    ]
    readonly_fields = ["amount", "outcome_words"]
    ordering = ["-pk"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))

    @display(description=_("outcome"), ordering="outcome")
    def outcome_words(self, obj: Ride) -> str:
        """In words."""
        known: dict[str, StrOrPromise] = {
            Ride.PAID: _("Paid"),
            Ride.CLAIMED: _("beyond the balance: a claim"),
        }
        return str(known.get(obj.outcome) or REASONS[obj.outcome].zh)
