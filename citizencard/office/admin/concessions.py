"""Concessions: who has proved what until when, what is due for its yearly check, and its renewal or end."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import Concession
from accounts.selectors.concessions import due_for_check
from accounts.services.concessions import renew_concession, withdraw_concession
from citizencard.core.calendar import shanghai
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.concession_pages import told
from citizencard.office.forms import ConcessionProofForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.site import office


class DueFilter(admin.SimpleListFilter):
    """What the yearly check has to look at next."""

    title = _("yearly check")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """One choice."""
        return [("30", _("due within 30 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Concession]) -> QuerySet[Concession]:
        """Those that end soon and are not renewed."""
        if self.value() is None:
            return queryset
        return queryset.filter(pk__in=due_for_check(shanghai(timezone.now()).date()))


@admin.register(Concession, site=office)
class ConcessionAdmin(ReadOnlyAdmin):
    """Every proof of every holder."""

    list_display = ["category", "holder", "valid_from", "holds_until", "proof", "checked_by"]
    list_filter = [DueFilter, "category"]
    list_select_related = ["citizen", "card"]
    search_fields = ["card__pan", "citizen__cards__pan", "proof"]
    fields = [
        "category", "citizen", "card", "valid_from", "valid_until", "proof", "legal_basis", "checked_by", "granted_at",
        "renews", "withdrawn_on", "withdrawn_by", "withdrawn_reason",
    ]  # fmt: skip
    ordering = ["valid_until", "pk"]
    actions_detail = ["renew", "withdraw"]

    def has_grant_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user renew and withdraw?"""
        return request.user.has_perm("accounts.grant_concession")

    @display(description=_("holder"))
    def holder(self, obj: Concession) -> str:
        """The masked citizen, or the card."""
        return str(obj.citizen or obj.card)

    @display(description=_("holds until"), ordering="valid_until")
    def holds_until(self, obj: Concession) -> str:
        """Its last day, withdrawal included."""
        return str(obj.holds_until)

    def offers(self, obj: Concession, step: str) -> bool:
        """Withdrawn once; what was withdrawn is not renewed, nor what has been."""
        if step == "renew" and Concession.objects.filter(renews=obj).exists():
            return False
        return obj.withdrawn_at is None

    @action(description=_("Renew"), permissions=["grant"], icon="event_repeat", variant=None)
    def renew(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The yearly check was passed."""
        concession = _concession(object_id)

        def act(given: dict[str, Any]) -> Facts:
            return told(
                renew_concession(concession=concession, checked_by=request.user.get_username(), **given)
            )

        return ask(request, self, concession, title=gettext("Renew"), form=ConcessionProofForm, act=act)

    @action(description=_("Withdraw"), permissions=["grant"], icon="block", variant=None)
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It holds no more from today."""
        concession = _concession(object_id)

        def act(reason: str) -> Facts:
            return told(
                withdraw_concession(concession=concession, actor=request.user.get_username(), reason=reason)
            )

        return ask_reason(request, self, concession, title=gettext("Withdraw"), act=act)


def _concession(object_id: str) -> Concession:
    return get_object_or_404(Concession, pk=unquote(object_id))
