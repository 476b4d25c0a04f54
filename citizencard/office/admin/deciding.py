"""What somebody has proposed and another decides: one page to agree on, one to refuse on, whatever it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action, display

from citizencard.core.two_people import MadeAndChecked
from citizencard.office.admin.base import ReadOnlyAdmin
from citizencard.office.forms import ConfirmForm
from citizencard.office.reasons import Facts, ask, ask_reason
from citizencard.office.tables import Table, at

DECISION = ["state", "maker", "made_at", "checker", "checked_at", "answer"]
"""The fields of every such row."""
_Step = Callable[["DecidedAdmin", HttpRequest, str], HttpResponse]


def approving(title: StrOrPromise) -> _Step:
    """The step by which a second person agrees, under a title of its own."""

    def approve(self: DecidedAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.object_of(request, object_id)

        def act(_given: dict[str, Any]) -> Facts:
            return told(self.agree(row, request.user.get_username()))

        tables = self.to_decide_by(request, row)
        return ask(request, self, row, title=str(title), form=ConfirmForm, act=act, tables=tables)

    made: _Step = action(description=title, permissions=["decide"], icon="task_alt", variant=None)(approve)
    return made


class DecidedAdmin(ReadOnlyAdmin):
    """`may_propose` and `may_decide` name the permissions; `agree` and `turn_down` call the services."""

    may_propose: ClassVar[str]
    may_decide: ClassVar[str]
    list_filter = ["state"]
    actions_list = ["propose"]
    actions_detail = ["approve", "refuse"]
    approve = approving(_("Approve"))

    def has_propose_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user propose one?"""
        return request.user.has_perm(self.may_propose)

    def has_decide_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user decide on what somebody else proposed?"""
        return request.user.has_perm(self.may_decide)

    @display(
        description=_("state"),
        ordering="state",
        label={"proposed": "warning", "approved": "success", "published": "success", "closed": "success"},
    )
    def state_label(self, obj: Any) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def offers(self, obj: Any, step: str) -> bool:
        """Decided once."""
        return bool(obj.state == "proposed")

    def agree(self, row: Any, checker: str) -> Any:
        """Carry it out."""
        raise NotImplementedError

    def turn_down(self, row: Any, checker: str, reason: str) -> Any:
        """Send it back."""
        raise NotImplementedError

    def to_decide_by(self, request: HttpRequest, row: Any) -> Sequence[Table]:
        """What the second person sees before agreeing."""
        return self.tables(request, row)

    @action(description=_("Refuse"), permissions=["decide"], icon="block", variant=None)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A second person sends it back for good, and says why."""
        row = self.object_of(request, object_id)

        def act(reason: str) -> Facts:
            return told(self.turn_down(row, request.user.get_username(), reason))

        return ask_reason(request, self, row, title=gettext("Refuse"), act=act)


def told(row: MadeAndChecked) -> Facts:
    """What was decided."""
    return [
        (gettext("state"), row.get_state_display()),  # type: ignore[attr-defined]  # each has its own states
        (gettext("checked by"), row.checker),
        (gettext("checked at"), at(row.checked_at)),
    ]
