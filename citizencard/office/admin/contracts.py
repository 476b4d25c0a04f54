"""Contracts with merchants: who pays what, when they are paid, and how each fee came about."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.contract_tables import bands_table, fee_words, fees_table, shares_table
from citizencard.office.reasons import ask_new
from citizencard.office.settlement_forms import ContractForm
from citizencard.office.site import office
from citizencard.office.tables import Table, link, yuan
from settlement.models import Contract, Proposal
from settlement.services.proposals import propose_rule

LATEST = 31


@admin.register(Contract, site=office)
class ContractAdmin(ReadOnlyAdmin):
    """Every contract ever in force, the newest first; others are proposed."""

    list_display = ["number", "merchant", "valid_from", "valid_until", "fee", "settle_days", "split"]
    list_filter = ["measure", "period", "split"]
    list_select_related = ["merchant"]
    search_fields = ["number", "merchant__code", "merchant__name", "legal_basis"]
    fields = [
        "number", "merchant", "valid_from", "valid_until", "legal_basis", "fee", "least", "highest", "settle_days", "split",
        "agreed",
    ]  # fmt: skip
    readonly_fields = ["fee", "least", "highest", "agreed"]
    ordering = ["-valid_from", "number"]
    actions_list = ["propose"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contract]:
        """With the bands that the fee is told by."""
        contracts: QuerySet[Contract] = super().get_queryset(request)
        return contracts.prefetch_related("bands")

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose rules of settlement?"""
        return request.user.has_perm("settlement.propose_rules")

    @display(description=_("fee"))
    def fee(self, obj: Contract) -> str:
        """Its prices."""
        return fee_words(obj)

    @display(description=_("least fee (yuan)"))
    def least(self, obj: Contract) -> str:
        """Of a period."""
        return "–" if obj.minimum_fen is None else yuan(obj.minimum_fen)

    @display(description=_("highest fee (yuan)"))
    def highest(self, obj: Contract) -> str:
        """Of a period."""
        return "–" if obj.maximum_fen is None else yuan(obj.maximum_fen)

    @display(description=_("proposed and approved"))
    def agreed(self, obj: Contract) -> str:
        """By whom."""
        return f"{obj.proposal.maker} · {obj.proposal.checker}"

    def tables(self, request: HttpRequest, obj: Contract) -> list[Table]:
        """Bands, shares, the last fees, and the merchant's other contracts."""
        shares = [shares_table(obj)] if obj.split else []
        return [bands_table(obj), *shares, fees_table(obj, LATEST), _history(obj)]

    @action(description=_("Propose a contract"), permissions=["propose"], icon="add", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Fill it in; somebody else approves it."""

        def act(given: dict[str, Any]) -> Proposal:
            maker = request.user.get_username()
            return propose_rule(kind=Proposal.Kind.CONTRACT, content=given["content"], maker=maker)

        return ask_new(request, self, title=gettext("Propose a contract"), form=ContractForm, act=act)


def _history(contract: Contract) -> Table:
    all_of_them = Contract.objects.filter(merchant=contract.merchant_id).prefetch_related("bands")
    return Table(
        _("Contracts of the merchant"),
        [_("contract number"), _("valid from"), _("valid until"), _("fee")],
        [
            [link(each, each.number), each.valid_from, each.valid_until or "–", fee_words(each)]
            for each in all_of_them.order_by("-valid_from")
        ],
    )
