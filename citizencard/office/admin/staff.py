"""Staff logins, and the audit trail of what they did."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import User
from citizencard.core.models import AuditEntry, AuditHead
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.roles import TITLES
from citizencard.office.site import office


@admin.register(AuditEntry, site=office)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did or saw what."""

    list_display = ["at", "actor", "action", "subject", "ip"]
    list_filter = ["action"]
    search_fields = ["actor", "subject"]
    fields = ["at", "actor", "action", "subject", "detail", "ip", "chain"]
    readonly_fields = ["chain"]
    ordering = ["-pk"]

    @display(description=_("hash"))
    def chain(self, obj: AuditEntry) -> str:
        """The entry's own hash; the next entry carries it."""
        return bytes(obj.hash).hex()


@admin.register(AuditHead, site=office)
class AuditHeadAdmin(ReadOnlyAdmin):
    """Where the trail stood at the end of each date, to be kept elsewhere."""

    list_display = ["date", "position", "made_at"]
    fields = ["date", "position", "made_at", "line"]
    readonly_fields = ["line"]
    ordering = ["-date"]

    @display(description=_("To keep elsewhere"))
    def line(self, obj: AuditHead) -> str:
        """What `verify_audit --head` reads."""
        return obj.line


@admin.register(User, site=office)
class StaffAdmin(ReadOnlyAdmin):
    """Staff logins and their roles. Citizens' logins are their own affair and are not listed."""

    list_display = ["username", "roles", "is_active", "last_login"]
    fields = ["username", "roles", "is_active", "is_superuser", "last_login", "date_joined"]
    readonly_fields = ["roles"]
    ordering = ["username"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Staff only."""
        return super().get_queryset(request).filter(is_staff=True).prefetch_related("groups")

    @display(description=_("roles"))
    def roles(self, obj: User) -> str:
        """The user's roles by their titles."""
        return "、".join(str(TITLES.get(group.name, group.name)) for group in obj.groups.all()) or "–"
