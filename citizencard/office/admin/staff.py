"""Staff logins, and the audit trail of what they did."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import display

from accounts.models import User
from citizencard.core.audit_search import chain_state
from citizencard.core.models import AuditEntry, AuditHead
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.roles import TITLES
from citizencard.office.site import office
from citizencard.office.tables import Table, link


@admin.register(AuditEntry, site=office)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did or saw what."""

    list_display = ["at", "actor", "action", "subject", "ip"]
    list_filter = ["action"]
    search_fields = ["actor", "subject"]
    fields = ["at", "actor", "action", "subject", "detail", "ip"]
    ordering = ["-pk"]

    def tables(self, request: HttpRequest, obj: AuditEntry) -> list[Table]:
        """How the entry stands in the chain."""
        state = chain_state(obj)
        rows: list[list[Any]] = [
            [_("hash"), bytes(obj.hash).hex(), _fits(state.is_whole)],
            [_("hash of the entry before"), bytes(obj.previous_hash).hex(), _fits(state.follows)],
            [_("the entry after carries its hash"), "", _fits(state.is_followed)],
            [_("signed head that covers it"), link(state.head) if state.head else _("none yet"), ""],
        ]
        return [Table(_("Chain"), [_("what"), _("value"), _("state")], rows)]


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


def _fits(is_right: bool | None) -> StrOrPromise:
    if is_right is None:
        return _("it is the newest")
    return _("right") if is_right else _("broken")
