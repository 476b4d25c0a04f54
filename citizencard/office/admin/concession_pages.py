"""Concessions where they are asked for: under the citizen and the card, and the page that grants one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.models import Card, Citizen, Concession
from accounts.services.concessions import grant_concession
from citizencard.core.calendar import shanghai
from citizencard.office.forms import ConcessionForm
from citizencard.office.reasons import Facts, ask
from citizencard.office.tables import Table, link
from terminals.selectors.fares import categories_on


def concessions_table(holder: Citizen | Card) -> list[Table]:
    """Every proof of a citizen, or of an anonymous card; no table where there is none."""
    rows = [
        [link(each, each.category), each.valid_from, each.holds_until, each.proof, each.checked_by]
        for each in holder.concessions.order_by("-valid_from", "-pk")
    ]
    headers = [_("category"), _("valid from"), _("holds until"), _("proof"), _("checked by")]
    return [Table(_("Concessions"), headers, rows)] if rows else []


def grant_page(request: HttpRequest, model_admin: ModelAdmin, card: Card) -> HttpResponse:
    """Ask what was proved and how, and keep it."""
    categories = categories_on(shanghai(timezone.now()).date())

    def form(data: QueryDict | None) -> ConcessionForm:
        return ConcessionForm(categories, data)

    def act(given: dict[str, Any]) -> Facts:
        return told(grant_concession(card=card, checked_by=request.user.get_username(), **given))

    tables = concessions_table(card.citizen or card)
    title = gettext("Grant concession")
    return ask(request, model_admin, card, title=title, form=form, act=act, tables=tables)


def told(concession: Concession) -> Facts:
    """What now holds."""
    return [
        (gettext("category"), concession.category),
        (gettext("valid from"), str(concession.valid_from)),
        (gettext("holds until"), str(concession.holds_until)),
    ]
