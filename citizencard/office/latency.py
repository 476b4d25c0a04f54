"""The page of the hot list's speed: which terminals are behind and since when, and how long lists take."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from citizencard.office.tables import Table, at, columns
from terminals.selectors.list_latency import (
    BUCKETS_MINUTES,
    list_latency,
    publishing_latency,
    terminals_behind,
)
from terminals.selectors.parameters import hot_list_policy

DAYS: Final = 7


@permission_required("terminals.view_terminal", raise_exception=True)
def latency_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Reported, published, applied: how long each step takes, and who is late now."""
    tables = [_promise(), _histogram(), _behind()]
    context = {**site.each_context(request), "title": _("Hot list: how fast"), "tables": tables}
    return TemplateResponse(request, "office/latency.html", context)


def _promise() -> Table:
    since = timezone.now() - timedelta(days=DAYS)
    published, policy = publishing_latency(since=since), hot_list_policy(timezone.localdate())
    promised = f"{policy.promise_minutes} + {policy.grace_minutes}" if policy else "–"
    return Table(
        _("From the report to the list, last %(days)s days") % {"days": DAYS},
        [_("figure"), _("value")],
        [
            [_("changes published"), published.changes],
            [_("published within, 19 of 20"), _seconds(published.most)],
            [_("slowest"), _seconds(published.slowest)],
            [_("promise and time to fetch it (minutes)"), promised],
            [_("legal basis"), policy.legal_basis if policy else "–"],
        ],
        columns(1),
    )


def _histogram() -> Table:
    latency = list_latency(since=timezone.now() - timedelta(days=DAYS))
    names = [_("up to %(minutes)s min") % {"minutes": minutes} for minutes in BUCKETS_MINUTES]
    total = sum(latency.buckets)
    return Table(
        _("From the list to the terminals, last %(days)s days") % {"days": DAYS},
        [_("applied after"), _("times"), _("share")],
        [
            [name, f"{count:,}", f"{count / total:.1%}" if total else "–"]
            for name, count in zip([*names, _("longer")], latency.buckets, strict=True)
        ],
        columns(1, 2),
        note=_("Half of them within %(median)s; the slowest took %(slowest)s.")
        % {"median": _seconds(latency.median), "slowest": _seconds(latency.slowest)},
    )


def _behind() -> Table:
    behind = terminals_behind()
    return Table(
        _("Terminals that lack a published list"),
        [_("terminal"), _("place"), _("applies"), _("lacks"), _("since"), _("for")],
        [
            [
                format_html('<a href="{}">{}</a>', reverse("admin:terminals_terminal_change", args=[each.pk]), each.code),
                each.place, each.applied, each.missing, at(each.since), timesince(each.since),
            ]
            for each in behind
        ],
        columns(2, 3),
    )  # fmt: skip


def _seconds(span: timedelta | None) -> str:
    if span is None:
        return "–"
    seconds = span.total_seconds()
    return f"{seconds:,.1f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
