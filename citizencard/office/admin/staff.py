"""Staff logins and how they change, who signed in from where, and the audit trail of what was done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from accounts.models import User
from citizencard.core.audit_search import chain_state
from citizencard.core.models import AuditEntry, AuditHead
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.admin.deciding import DECISION, DecidedAdmin, told
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_new
from citizencard.office.roles import TITLES
from citizencard.office.site import office
from citizencard.office.tables import Table, link
from citizencard.staff.forms import AccountChangeForm
from citizencard.staff.models import AccountChange, StaffSession
from citizencard.staff.services.changes import approve_change, propose_change, refuse_change


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
        return _titles(group.name for group in obj.groups.all())


@admin.register(AccountChange, site=office)
class AccountChangeAdmin(DecidedAdmin):
    """Who is to begin, to get other roles, to leave, to come back, or to get a new password and second factor."""

    may_propose = "staff.propose_accountchange"
    may_decide = "staff.approve_accountchange"
    list_display = ["username", "kind", "titles", "maker", "made_at", "state_label", "checker"]
    list_filter = ["state", "kind"]
    search_fields = ["username"]
    fields = ["username", "name", "kind", "titles", "reason", *DECISION]
    readonly_fields = ["titles"]
    ordering = ["-pk"]

    @display(description=_("roles"))
    def titles(self, obj: AccountChange) -> str:
        """The roles asked for, by their titles."""
        return _titles(obj.roles)

    @action(description=_("Change an account"), permissions=["propose"], icon="manage_accounts", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """An administrator says what is to become of an account, and why."""
        maker = request.user.get_username()
        return ask_new(
            request,
            self,
            title=gettext("Change an account"),
            form=AccountChangeForm,
            act=lambda given: propose_change(maker=maker, **given),
        )

    @action(description=_("Approve"), permissions=["decide"], icon="task_alt", variant=None)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person agrees; a starting code is shown to them, to be handed over."""
        row = self.object_of(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            change, code = approve_change(change=row, checker=request.user.get_username())
            handed = [(gettext("starting code"), code), (gettext("valid for"), gettext("24 hours"))]
            return [*told(change), *(handed if code else [])]

        tables = [_asked(row)]
        return ask(request, self, row, title=gettext("Approve"), form=ConfirmForm, act=act, tables=tables)

    def turn_down(self, row: AccountChange, checker: str, reason: str) -> AccountChange:
        """Send it back."""
        return refuse_change(change=row, checker=checker, reason=reason)


@admin.register(StaffSession, site=office)
class StaffSessionAdmin(ReadOnlyAdmin):
    """Every sign-in: when, from where, with what, and how it ended."""

    list_display = ["user", "started_at", "last_seen_at", "ip", "factor", "ended_at", "ended_because"]
    list_filter = ["factor", "ended_because"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    fields = [*list_display, "factor_at", "agent"]
    ordering = ["-pk"]


def _asked(change: AccountChange) -> Table:
    """What the second person agrees to, beside what is so now."""
    present = Group.objects.filter(user__username=change.username).values_list("name", flat=True)
    headers = [
        _("user name"),
        _("name"),
        _("kind of change"),
        _("roles now"),
        _("roles asked for"),
        _("proposed by"),
        _("reason"),
    ]
    row = [
        change.username,
        change.name or "–",
        change.get_kind_display(),
        _titles(present),
        _titles(change.roles),
        change.maker,
        change.reason,
    ]
    return Table(_("What is asked for"), headers, [row])


def _titles(roles: Iterable[str]) -> str:
    return "、".join(str(TITLES.get(role, role)) for role in roles) or "–"


def _fits(is_right: bool | None) -> StrOrPromise:
    if is_right is None:
        return _("it is the newest")
    return _("right") if is_right else _("broken")
