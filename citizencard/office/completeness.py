"""The office's page of counters that are not accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from accounts.models import Card
from citizencard.core.models import BusinessDay
from citizencard.office.admin.base import day_asked
from citizencard.office.tables import Table, at, columns, link, money, yuan
from citizencard.words import FAULTS, fault_words
from terminals.models import Terminal
from terminals.selectors import counters
from terminals.selectors.counters import BalanceLaw, Fault

SHOWN: Final = 200


@permission_required("office.view_finance_report", raise_exception=True)
def completeness_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Gaps, breaks, rollbacks, conflicts and duplicates: of the business date `?day=`, else of the open one.

    `?number=` is one card or terminal, `?fault=` one kind.
    """
    number, kind, day = (
        request.GET.get("number", "").replace("\x00", "").strip(),
        request.GET.get("fault", ""),
        day_asked(request),
    )
    if not number and day is None:
        day = BusinessDay.objects.filter(state=BusinessDay.State.OPEN).values_list("date", flat=True).first()
    if number:
        cards = list(Card.objects.filter(pan=number).values_list("pk", flat=True))
        terminals = list(Terminal.objects.filter(code=number).values_list("pk", flat=True))
    else:
        cards = counters.cards_of(business_date=day) if day else []
        terminals = counters.terminals_of(business_date=day) if day else []
    faults = counters.card_faults(cards=cards) + counters.terminal_faults(terminals=terminals)
    wanted = [fault for fault in faults if kind not in FAULTS or fault.kind == kind]
    context = {
        **site.each_context(request),
        "title": _("Completeness"),
        "day": day,
        "number": number,
        "fault": kind,
        "faults": FAULTS,
        "tables": [_law(counters.balance_law(cards=cards)), _listed(wanted)],
    }
    return TemplateResponse(request, "office/completeness.html", context)


def _law(law: BalanceLaw) -> Table:
    return Table(
        _("Where the chips' money went"),
        [_("cards"), _("spent by the chips"), _("by records"), _("in gaps"), _("unexplained")],
        [[f"{law.cards:,}", *money((law.spent_fen, law.matched_fen, law.gaps_fen, law.unexplained_fen))]],
        columns(0, 1, 2, 3, 4),
        note=_("From the first known record of each card to its last; amounts in yuan."),
    )


def _listed(faults: Sequence[Fault]) -> Table:
    shown = faults[:SHOWN]
    cards = {card.pan: card for card in Card.objects.filter(pan__in=[fault.number for fault in shown])}
    devices = {each.code: each for each in Terminal.objects.filter(code__in=[it.number for it in shown])}
    known: dict[str, Card | Terminal] = {**devices, **cards}
    note = (
        _("The first %(shown)s of %(count)s.") % {"shown": SHOWN, "count": f"{len(faults):,}"}
        if len(faults) > SHOWN
        else ""
    )
    return Table(
        _("Counters not accounted for"),
        [_("card or terminal"), _("fault"), _("counters"), _("count"), _("amount"), _("known since")],
        [
            [
                link(known[fault.number], fault.number) if fault.number in known else fault.number,
                fault_words(fault.kind),
                fault.first if fault.first == fault.last else f"{fault.first}–{fault.last}",
                f"{fault.count:,}",
                "–" if fault.missing_fen is None else yuan(fault.missing_fen),
                at(fault.since),
            ]
            for fault in shown
        ],
        columns(3, 4),
        note=note,
    )
