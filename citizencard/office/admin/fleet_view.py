"""The fleet at a glance: tiles, filters, and what is wrong with whom, asked once per page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django_stubs_ext import StrOrPromise

from citizencard.office.tiles import Tile, list_url
from terminals.models import Line, Terminal
from terminals.selectors.fleet import Marks, fleet_marks, fleet_summary, terminals_of_line

MARKS: Final[dict[str, StrOrPromise]] = {
    "silent": gettext_lazy("silent"),
    "zero_trade": gettext_lazy("no trade"),
    "old_list": gettext_lazy("old hot list"),
}
_KEPT: Final = "_fleet_marks"


def marks_of(request: HttpRequest) -> Mapping[int, Marks]:
    """What is wrong with which terminal, asked once per request."""
    if not hasattr(request, _KEPT):
        setattr(request, _KEPT, fleet_marks(timezone.now()))
    known: Mapping[int, Marks] = getattr(request, _KEPT)
    return known


def mark_words(marks: Marks | None) -> str:
    """What is wrong, in words; nothing for nothing."""
    return ", ".join(str(word) for name, word in MARKS.items() if marks and getattr(marks, name))


def _marked(request: HttpRequest, name: str) -> list[int]:
    return [pk for pk, marks in marks_of(request).items() if getattr(marks, name)]


class MarkFilter(admin.SimpleListFilter):
    """Those with something wrong."""

    title = gettext_lazy("to look after")
    parameter_name = "wrong"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Each kind of wrong."""
        return list(MARKS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> QuerySet[Terminal]:
        """Those marked so."""
        wanted = self.value()
        return queryset.filter(pk__in=_marked(request, wanted)) if wanted in MARKS else queryset


class LineFilter(admin.SimpleListFilter):
    """Those that belong to a line, by vehicle or by the stops of its routes."""

    title = pgettext_lazy("transit", "line")
    parameter_name = "line"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        """Every line."""
        return [(str(pk), name) for pk, name in Line.objects.order_by("code").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> QuerySet[Terminal]:
        """Those of the line asked for."""
        wanted = self.value() or ""
        return terminals_of_line(queryset, int(wanted)) if wanted.isdecimal() else queryset


def fleet_tiles(request: HttpRequest) -> list[Tile]:
    """The fleet in numbers; each leads to the terminals it counts."""
    fleet = fleet_summary()
    stopped = _("%(suspended)s suspended, %(registered)s to be enrolled") % {
        "suspended": fleet.suspended,
        "registered": fleet.registered,
    }
    drifting = _("%(count)s clocks off by more than a minute") % {"count": fleet.drifting}
    return [
        Tile(_("In service"), f"{fleet.active:,}", stopped, _list("?state__exact=active")),
        _wrong(request, "silent", _("Silent"), _("not heard of for longer than their kind may be")),
        _wrong(request, "zero_trade", _("No trade"), _("no tap for days, while others like them have some")),
        _wrong(request, "old_list", _("Old hot list"), _("lost cards are still taken there")),
        Tile(_("Records waiting"), f"{fleet.waiting_records:,}", drifting, _list("?o=-8")),
    ]


def _wrong(request: HttpRequest, mark: str, name: str, detail: str) -> Tile:
    count = len(_marked(request, mark))
    return Tile(name, f"{count:,}", detail, _list(f"?wrong={mark}"), "bad" if count else "good")


def _list(query: str) -> str:
    return list_url("terminals_terminal", query)
