"""Giving a card back: what it comes to line by line, the request, how far it has come, and thinking better of it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import CardTampered, RefundBlocked
from accounts.models import Card, Citizen, Refund
from accounts.selectors.refund_blockers import PASSING, WAITING
from accounts.selectors.refund_quote import quote_refund
from accounts.selectors.refunds import refund_progress
from citizencard.core.calendar import shanghai
from citizencard.portal.access import for_citizen, login_name, own_card
from citizencard.portal.forms import RefundForm
from terminals.services.refunds import request_card_refund, withdraw_card_refund


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def card_refund(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """The refund that is under way, or else what one would come to, and the button."""
    card = own_card(citizen, card_id)
    form = RefundForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            request_card_refund(
                card=card,
                actor=login_name(citizen),
                reason=form.cleaned_data["reason"],
                occurred_at=timezone.now(),
            )
        except (RefundBlocked, CardTampered) as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:refund", card.pk)
    refund = _refund(card)
    context = {"card": card, "form": form, "refund": refund}
    context |= _quoted(card) if refund is None else _under_way(refund)
    return render(request, "portal/refund.html", context, status=status)


@require_POST
@for_citizen
def withdraw(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """The holder keeps the card."""
    refund = _refund(own_card(citizen, card_id))
    if refund is None:
        raise Http404
    withdraw_card_refund(
        refund=refund,
        actor=login_name(citizen),
        reason="by the citizen",
        occurred_at=timezone.now(),
    )
    return redirect("portal:refund", card_id)


def _refund(card: Card) -> Refund | None:
    ended = (Refund.State.WITHDRAWN, Refund.State.REFUSED)
    return card.refunds.exclude(state__in=ended).first()


def _quoted(card: Card) -> dict[str, object]:
    quote = quote_refund(card=card, on=shanghai(timezone.now()).date())
    against = [blocker for blocker in quote.blockers if blocker.kind not in PASSING | WAITING]
    passing = [blocker for blocker in quote.blockers if blocker.kind in PASSING]
    return {"quote": quote, "against": against, "passing": passing}


def _under_way(refund: Refund) -> dict[str, object]:
    progress = refund_progress(refund.number, on=shanghai(timezone.now()).date())
    parts = list(refund.parts.order_by("pk")) if refund.payable_fen is not None else []
    return {"progress": progress, "parts": parts, "is_open": refund.state in Refund.BLOCKING}
