"""The office's list of workstations."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.bridge.models import Workstation
from citizencard.bridge.services import revoke_workstation
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.reasons import ask_reason
from citizencard.office.site import office
from citizencard.office.tables import at

COLOURS = {"paired": "success", "revoked": "danger"}


@admin.register(Workstation, site=office)
class WorkstationAdmin(ReadOnlyAdmin):
    """PCs whose card readers the server may use."""

    list_display = ["name", "state_label", "paired_by", "paired_at", "seen_at"]
    search_fields = ["name"]
    fields = ["name", "state_label", "paired_by", "paired_at", "seen_at", "revoked_by", "revoked_at"]
    readonly_fields = ["state_label"]
    ordering = ["name", "-paired_at"]
    actions_detail = ["revoke"]

    @display(description=_("state"), ordering="revoked_at", label=COLOURS)
    def state_label(self, obj: Workstation) -> tuple[str, str]:
        """Paired or revoked, in its colour."""
        return ("revoked", gettext("revoked")) if obj.revoked_at else ("paired", gettext("paired"))

    def has_revoke_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user cut a PC off?"""
        return request.user.has_perm("bridge.revoke_workstation")

    @action(description=_("Revoke"), permissions=["revoke"], icon="link_off", variant=None)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cut the PC off, with the reason; to be used again it must be paired anew."""
        workstation = get_object_or_404(Workstation, pk=unquote(object_id))

        def cut(reason: str) -> list[tuple[str, str]]:
            revoke_workstation(workstation=workstation, actor=request.user.get_username(), reason=reason)
            workstation.refresh_from_db()
            return [(gettext("revoked at"), at(workstation.revoked_at))]

        return ask_reason(request, self, workstation, title=gettext("Revoke"), act=cut)
