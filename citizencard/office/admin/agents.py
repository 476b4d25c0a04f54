"""Those who take top-up money for us: agents on credit, kiosks in their cash boxes, and what they hand over."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import WithAnnotations
from unfold.decorators import display

from accounts.models import Agent, Remittance
from accounts.selectors.agents import Debt, agents_with_debt
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, signed_yuan, yuan

LATEST = 50


@admin.register(Agent, site=office)
class AgentAdmin(ReadOnlyAdmin):
    """Shops that owe us what they took; their terms come from `save_agent`."""

    list_display = ["name", "code", "credit_limit", "owed", "free", "active"]
    list_filter = ["active"]
    search_fields = ["code", "name"]
    fields = ["code", "name", "account", "credit_limit", "owed", "free", "active"]
    readonly_fields = ["credit_limit", "owed", "free"]
    ordering = ["code"]
    credit_limit = yuan_column("credit_limit_fen", _("credit limit (yuan)"))
    owed = yuan_column("owed_fen", _("owes (yuan)"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[WithAnnotations[Agent, Debt]]:
        """With what each owes."""
        return agents_with_debt().order_by("code")

    @display(description=_("may still take (yuan)"))
    def free(self, obj: WithAnnotations[Agent, Debt]) -> str:
        """Until the credit limit; negative where the limit was lowered under the debt."""
        return yuan(obj.credit_limit_fen - obj.owed_fen)

    def tables(self, request: HttpRequest, obj: Agent) -> list[Table]:
        """What it paid us last."""
        paid = Remittance.objects.filter(account=obj.account_id).order_by("-pk")[:LATEST]
        return [
            Table(
                _("Remittances"),
                [_("time"), _("idempotency key"), _("received in"), _("amount"), _("actor")],
                [
                    [
                        at(each.occurred_at),
                        each.key,
                        each.get_into_display(),
                        yuan(each.counted_fen),
                        each.actor,
                    ]
                    for each in paid
                ],
                columns(3),
            )
        ]


@admin.register(Remittance, site=office)
class RemittanceAdmin(ReadOnlyAdmin):
    """Money handed over, beside what the books expected."""

    list_display = ["key", "account", "into", "counted", "expected", "over", "actor", "occurred_at"]
    list_filter = ["account__chart", "into"]
    list_select_related = ["account"]
    search_fields = ["key", "account__code"]
    fields = ["key", "account", "into", "counted", "expected", "over", "actor", "occurred_at", "received_at"]
    readonly_fields = ["counted", "expected", "over"]
    ordering = ["-pk"]
    counted = yuan_column("counted_fen", _("counted (yuan)"))
    expected = yuan_column("expected_fen", _("expected (yuan)"))

    @display(description=_("over or short (yuan)"))
    def over(self, obj: Remittance) -> str:
        """What waits in suspense."""
        return signed_yuan(obj.counted_fen - obj.expected_fen)
