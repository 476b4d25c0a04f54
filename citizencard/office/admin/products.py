"""The dated rules: card products with their refunds, passes on sale, limits, each with its legal basis."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import display

from accounts.models import CardProduct, LimitPolicy, PassProduct, RefundPolicy, TopUpOrder
from accounts.selectors.limits import limits_in_force
from citizencard.core.calendar import shanghai
from citizencard.office.admin.base import ReadOnlyAdmin, day_asked, yuan_column
from citizencard.office.admin.product_versions import ProposesTerms, versions_table
from citizencard.office.site import office
from citizencard.office.tables import Table, columns, yuan
from terminals.models import AcceptancePolicy, Channel


@admin.register(CardProduct, site=office)
class CardProductAdmin(ProposesTerms):
    """Kinds of cards and their limits."""

    list_display = [
        "name", "code", "real_name", "limit", "online_limit", "overdraft", "price", "deposit", "validity_years",
        "test_only",
    ]  # fmt: skip
    fields = [
        "name", "code", "real_name", "kind_code", "limit", "online_limit", "overdraft", "price", "deposit",
        "validity_years", "photo_needed", "test_only",
    ]  # fmt: skip
    readonly_fields = ["limit", "online_limit", "overdraft", "price", "deposit"]
    ordering = ["code"]
    limit = yuan_column("balance_limit_fen", _("balance limit (yuan)"))
    online_limit = yuan_column("account_limit_fen", _("online limit (yuan)"))
    overdraft = yuan_column("overdraft_fen", _("overdraft for one ride (yuan)"))
    price = yuan_column("price_fen", _("price (yuan)"))
    deposit = yuan_column("deposit_fen", _("deposit (yuan)"))

    def tables(self, request: HttpRequest, obj: CardProduct) -> list[Table]:
        """How the product is refunded and sold, since when, and why."""
        return [_refund_rules(obj), versions_table(obj)]


def _refund_rules(product: CardProduct) -> Table:
    policies = RefundPolicy.objects.filter(product=product).order_by("-valid_from")
    return Table(
        _("Refund rules"),
        [_("valid from"), _("redeemable"), _("months after purchase"), _("days without reason"),
         _("days to wait for late taps"), _("days to pay"), _("fee"), _("cash limit"), _("legal basis")],
        [
            [policy.valid_from, _("yes") if policy.redeemable else _("no"), policy.after_months, policy.no_reason_days,
             policy.waiting_days, policy.sla_days, yuan(policy.fee_fen), yuan(policy.cash_limit_fen), policy.legal_basis]
            for policy in policies
        ],
        columns(2, 3, 4, 5, 6, 7),
    )  # fmt: skip


class InForceFilter(admin.SimpleListFilter):
    """What holds on a date, which is chosen above the list; without one, every version there is."""

    title = _("in force")
    parameter_name = "day"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Today, as the date most asked for."""
        return [(shanghai(timezone.now()).date().isoformat(), _("today"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LimitPolicy]) -> QuerySet[LimitPolicy]:
        """The versions in force on the date."""
        day = day_asked(request)
        return queryset.filter(pk__in=limits_in_force(day).values("pk")) if day else queryset


@admin.register(AcceptancePolicy, site=office)
class AcceptancePolicyAdmin(ReadOnlyAdmin):
    """What a purchase of a channel may be, since when, and why; published by `publish_acceptance_policy` only."""

    list_display = [
        "channel",
        "valid_from",
        "limit",
        "late_days",
        "decide_days",
        "hold_over_price",
        "legal_basis",
    ]
    list_filter = ["channel"]
    fields = ["channel", "valid_from", "limit", "late_days", "decide_days", "hold_over_price", "legal_basis"]
    readonly_fields = ["limit"]
    ordering = ["channel", "-valid_from"]
    limit = yuan_column("purchase_limit_fen", _("limit for one purchase (yuan)"))


@admin.register(LimitPolicy, site=office)
class LimitPolicyAdmin(ReadOnlyAdmin):
    """How much may be topped up, held and paid: every version of every rule, published by `publish_limit` only."""

    list_display = [
        "code", "operation", "measure", "limit", "product", "channel_name", "level", "valid_from", "valid_until",
        "legal_basis",
    ]  # fmt: skip
    list_filter = [InForceFilter, "operation", "measure", "product"]
    list_select_related = ["product"]
    list_before_template = "office/limit_tools.html"
    search_fields = ["code", "legal_basis"]
    fields = [
        "code", "operation", "measure", "limit", "product", "channel_name", "level", "valid_from", "valid_until",
        "legal_basis",
    ]  # fmt: skip
    readonly_fields = ["limit", "channel_name"]
    ordering = ["code", "-valid_from"]
    limit = yuan_column("limit_fen", _("limit (yuan)"))

    @display(description=_("channel"), ordering="channel", empty_value=_("all"))
    def channel_name(self, obj: LimitPolicy) -> str | None:
        """A way of topping up or a kind of merchant, by the operation."""
        words = (
            TopUpOrder.Channel.choices if obj.operation == LimitPolicy.Operation.TOP_UP else Channel.choices
        )
        return str(dict(words).get(obj.channel, obj.channel)) or None


@admin.register(PassProduct, site=office)
class PassProductAdmin(ReadOnlyAdmin):
    """Passes on sale, and the terms of those sold before."""

    list_display = [
        "name",
        "code",
        "kind",
        "price",
        "rides",
        "validity_days",
        "refund",
        "valid_from",
        "legal_basis",
    ]
    list_filter = ["kind"]
    fields = [
        "code", "name", "kind", "price", "rides", "validity_days", "channel_names", "operator", "concession", "refund",
        "refund_fee", "unused", "valid_from", "legal_basis",
    ]  # fmt: skip
    readonly_fields = ["price", "refund_fee", "channel_names"]
    ordering = ["code", "-valid_from"]
    price = yuan_column("price_fen", _("price (yuan)"))
    refund_fee = yuan_column("refund_fee_fen", _("refund fee (yuan)"))

    @display(description=_("valid in"))
    def channel_names(self, obj: PassProduct) -> str:
        """The kinds of merchants that take it."""
        words = dict(Channel.choices)
        return "、".join(str(words.get(channel, channel)) for channel in obj.channels)
