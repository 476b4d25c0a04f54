"""The queue of cases 工单: whatever waits for somebody at the counter, in one list by the day on which it is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_stubs_ext import StrOrPromise

from accounts.models import (
    CardOrder,
    IssueBatch,
    PersonMerge,
    StockItem,
    StockLine,
    StockMovement,
    StockProposal,
)
from accounts.selectors.refunds import open_refunds
from citizencard.core.calendar import shanghai
from citizencard.office.tables import Table, at, link
from settlement.selectors.disputes import under_way
from terminals.selectors.appeals import open_appeals

EACH_MAX: Final = 100
"""Of one kind; whoever has more of them works in its own list."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something that waits: its page, since when, and until when it may; `due` is None where no rule says so."""

    subject: Model
    since: datetime
    due: date | None
    stands: StrOrPromise


@permission_required("accounts.view_citizen", raise_exception=True)
def cases_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Everything that the reader may open, the most urgent first, what is overdue in red."""
    today = shanghai(timezone.now()).date()
    cases = [case for permission, found in _LISTS if request.user.has_perm(permission) for case in found()]
    cases.sort(key=lambda case: (case.due is None, case.due or today, case.since))
    table = Table(
        _("Cases by due date"),
        [_("due on"), _("clock"), _("case"), _("number"), _("state"), _("waits since")],
        [
            [case.due or "–", _clock(case, today), case.subject._meta.verbose_name, link(case.subject), case.stands, at(case.since)]
            for case in cases
        ],
    )  # fmt: skip
    context = {**site.each_context(request), "title": _("Cases"), "tables": [table]}
    return TemplateResponse(request, "office/desk/cases.html", context)


def _clock(case: Case, today: date) -> str:
    """How much time is left, red when there is none."""
    if case.due is None:
        return "–"
    days = (case.due - today).days
    if days < 0:
        late = ngettext("%(days)s day overdue", "%(days)s days overdue", -days) % {"days": -days}
        return format_html('<strong class="desk-late">{}</strong>', late)
    return ngettext("%(days)s day left", "%(days)s days left", days) % {"days": days}


def _appeals() -> Iterable[Case]:
    return [
        Case(each, each.filed_at, each.due_on, each.get_state_display()) for each in open_appeals()[:EACH_MAX]
    ]


def _disputes() -> Iterable[Case]:
    return [
        Case(each, each.opened_at, each.due_on, each.get_state_display()) for each in under_way()[:EACH_MAX]
    ]


def _refunds() -> Iterable[Case]:
    return [
        Case(each, each.requested_at, each.promised_by, each.get_state_display())
        for each in open_refunds()[:EACH_MAX]
    ]


def _proposed(rows: QuerySet[Any], due: str = "") -> Iterable[Case]:
    """What one person has asked for and another decides; `due` names the field of its day, if it has one."""
    return [
        Case(
            each,
            each.made_at,
            getattr(each, due) if due else None,
            _("proposed by %(name)s") % {"name": each.maker},
        )
        for each in rows.filter(state="proposed").order_by("pk")[:EACH_MAX]
    ]


def _consignments() -> Iterable[Case]:
    travelling = StockItem.State.TRAVELLING
    lines = StockLine.objects.filter(movement=OuterRef("pk"), item__state=travelling)
    sent = StockMovement.objects.filter(Exists(lines), kind=StockMovement.Kind.SENT)
    return [
        Case(each, each.moved_at, None, _("on its way to %(place)s") % {"place": each.target})
        for each in sent.select_related("target").order_by("pk")[:EACH_MAX]
    ]


_LISTS: Final[tuple[tuple[str, Callable[[], Iterable[Case]]], ...]] = (
    ("terminals.view_hotlistappeal", _appeals),
    ("settlement.view_dispute", _disputes),
    ("accounts.view_refund", _refunds),
    (
        "accounts.view_personmerge",
        lambda: _proposed(PersonMerge.objects.select_related("master", "other")),
    ),
    ("accounts.view_cardorder", lambda: _proposed(CardOrder.objects.all(), "deadline")),
    ("accounts.view_issuebatch", lambda: _proposed(IssueBatch.objects.all())),
    ("accounts.view_stockproposal", lambda: _proposed(StockProposal.objects.all())),
    ("accounts.view_stockmovement", _consignments),
)
"""What each permission shows."""
