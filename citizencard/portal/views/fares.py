"""Fares for everybody: what is published, what a ride costs by it; and for a holder, why a ride of theirs cost what it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.models import Citizen
from citizencard.core.errors import InvalidField
from citizencard.portal.access import demand_shown, for_citizen, own_card
from citizencard.portal.fare_form import FareForm
from terminals.fares.documents import LANGUAGES
from terminals.fares.words import explain, sentence
from terminals.models import FareCharge
from terminals.selectors.fare_charges import ride_versions
from terminals.selectors.fare_quote import quote_fare
from terminals.selectors.fares import categories_on, documents_on, fare_book


@require_safe
def published(request: HttpRequest) -> HttpResponse:
    """The documents in force, each with its digest, and the calculator."""
    return render(
        request, "portal/fares.html", {"form": _form(None), "documents": documents_on(timezone.localdate())}
    )


@require_safe
def calculator(request: HttpRequest) -> HttpResponse:
    """What a ride costs, step by step."""
    form, charge = _form(request.GET), None
    if form.is_valid():
        try:
            charge = quote_fare(form.asked())
        except InvalidField as refusal:
            form.add_error(None, str(refusal))
    context: dict[str, Any] = {"form": form, "documents": documents_on(timezone.localdate())}
    if charge:
        context |= {"charge": charge, "steps": explain(charge, language())}
    return render(request, "portal/fares.html", context)


@require_safe
@for_citizen
def ride(request: HttpRequest, citizen: Citizen, card_id: int, day: str, atc: int) -> HttpResponse:
    """Why a ride cost what it did, in every version."""
    card = own_card(citizen, card_id)
    try:
        versions = ride_versions(card, date.fromisoformat(day), atc)
    except ValueError as error:
        raise Http404 from error
    if not versions:
        raise Http404
    demand_shown(card, date.fromisoformat(day))
    context = {
        "card": card,
        "newest": versions[0],
        "given_fen": sum(version.given_fen for version in versions),
        "versions": [_version(version, language()) for version in versions],
    }
    return render(request, "portal/ride.html", context)


def language() -> str:
    """The derivations' language that is the reader's."""
    wanted = (get_language() or "").lower()
    return next((known for known in LANGUAGES if known.lower() == wanted), LANGUAGES[0])


@dataclass(frozen=True)
class ShownVersion:
    """A version of a charge in words; `steps` are sentences with fen, the last the sum."""

    charge: FareCharge
    steps: list[tuple[str, int]]
    documents: list[dict[str, Any]]


def _version(row: FareCharge, words: str) -> ShownVersion:
    derived = row.derived
    steps = [
        (sentence(step["message"], step["values"], words), step["amount_fen"])
        for step in derived.get("steps", [])
    ]
    if steps:
        steps.append((sentence("sum", {}, words), row.due_fen))
    return ShownVersion(row, steps, derived.get("documents", []))


def _form(data: Any) -> FareForm:
    categories = categories_on(timezone.localdate())
    return FareForm(fare_book(), [(code, "、".join(names)) for code, names in categories.items()], data)
