"""The office's pages about the reader of the PC the clerk sits at: pair it, see what is on it, read the card."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from rich.markup import render
from rich.table import Table as ConsoleTable

from accounts.models import Card
from citizencard.bridge.browser import await_pairing, bind, just_paired, workstation_here
from citizencard.bridge.desk import card_here
from citizencard.bridge.errors import NoWorkstation
from citizencard.bridge.forms import PairingForm
from citizencard.bridge.services import CODE_LIFE, ask_pairing_code
from citizencard.bridge.transport import workstation_state
from citizencard.core.errors import CitizenCardError
from citizencard.management.cardtables import card_tables
from citizencard.office.tables import Table, link
from terminals.card.describe import describe_card
from terminals.card.errors import ReaderUnavailable

READING: Final = "read card"
"""The purpose in the audit trail and on the workstation's console."""
AGENT: Final = "python -m terminals.bridge"


@permission_required("bridge.use_reader", raise_exception=True)
def reader_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The reader of this computer; or, unpaired, how to pair it. POST asks for a pairing code."""
    if paired := just_paired(request):
        response: HttpResponse = HttpResponseRedirect(reverse("admin:bridge_reader"))
        bind(response, paired)
        return response
    may_pair = request.user.has_perm("bridge.pair_workstation")
    form = PairingForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "may_pair": may_pair, **_state(request)}
    if request.method == "POST":
        if not may_pair:
            raise PermissionDenied
        if form.is_valid():
            context |= _new_code(request, form.cleaned_data["name"])
    return _page(request, site, "bridge/reader.html", _("Card reader"), context)


@permission_required("bridge.use_reader", raise_exception=True)
def state_fragment(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """What is on the reader now, for the page's own polling."""
    paired = just_paired(request)
    context = _state(request) if paired is None else {"paired": True}
    response = TemplateResponse(request, "bridge/state.html", context)
    if paired is not None:
        bind(response, paired)
    return response


@require_POST
@permission_required("bridge.use_reader", raise_exception=True)
def card_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Read the card on the reader and show it; nothing on it is changed."""
    context: dict[str, Any] = {}
    try:
        with card_here(request, purpose=READING) as transport:
            shown = describe_card(transport)
    except CitizenCardError as error:
        context["fault"] = str(error)
    else:
        facts, *tables = card_tables(shown)
        known = Card.objects.filter(pan=shown["card_number"]).first()
        context |= {
            "number": facts.title,
            "facts": _rows(facts),
            "tables": [_office_table(table) for table in tables],
            "known": link(known, _("Card in the back office")) if known else None,
        }
    return _page(request, site, "bridge/card.html", _("Card on the reader"), context)


def _state(request: HttpRequest) -> dict[str, Any]:
    """The workstation of this browser, and what its agent tells."""
    try:
        workstation = workstation_here(request)
    except NoWorkstation:
        return {"workstation": None}
    try:
        return {"workstation": workstation, "state": workstation_state(workstation.pk)}
    except ReaderUnavailable:
        return {"workstation": workstation, "no_hub": True}


def _new_code(request: HttpRequest, name: str) -> dict[str, Any]:
    kept, code = ask_pairing_code(name=name, actor=request.user.get_username())
    await_pairing(request, kept)
    return {
        "code": code,
        "minutes": int(CODE_LIFE.total_seconds() // 60),
        "commands": f"{AGENT} pair {settings.BRIDGE_ORIGIN} {code}\n{AGENT} run",
    }


def _page(
    request: HttpRequest, site: AdminSite, template: str, title: str, context: dict[str, Any]
) -> HttpResponse:
    return TemplateResponse(request, template, {**site.each_context(request), "title": title, **context})


def _office_table(table: ConsoleTable) -> Table:
    """The table `manage.py readcard` prints, as the office draws tables."""
    headers = [str(column.header) for column in table.columns]
    numeric = frozenset(at for at, column in enumerate(table.columns) if column.justify == "right")
    return Table(str(table.title), headers, _rows(table), numeric)


def _rows(table: ConsoleTable) -> list[tuple[str, ...]]:
    columns = ([render(str(cell)).plain for cell in column.cells] for column in table.columns)
    return list(zip(*columns, strict=True))
