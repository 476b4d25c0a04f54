"""Topping up: choose, pay on the gateway's page, and see how it goes; for one's own cards and for the family's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import CardNotActive, GatewayError, GatewayUnavailable, LimitExceeded, NoAccountPurse
from accounts.models import Card, Citizen, FamilyLink, LimitPolicy, TopUpOrder
from accounts.selectors.limits import limits_in_force
from accounts.services.family import top_up_for
from accounts.services.gateway_payment import start_gateway_payment
from accounts.services.repair import cancel_topup
from accounts.services.topup import order_topup
from citizencard.core.calendar import shanghai
from citizencard.portal.access import for_citizen, login_name, own_card
from citizencard.portal.forms import TopUpForm
from citizencard.portal.gateway_pages import payment_page
from citizencard.portal.pace import check_orders

GATEWAY: Final = TopUpOrder.Channel.GATEWAY
WATCHED_FOR: Final = timedelta(minutes=10)
"""So long a page about an order looks again by itself; for ever would keep a forgotten browser signed in."""


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def order(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """A top-up of one's own card."""
    card = own_card(citizen, card_id)
    return _order(request, citizen, card, partial(order_topup, card=card, channel=GATEWAY), is_own=True)


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def order_for_family(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """A top-up of a family member's card."""
    linked = FamilyLink.objects.filter(payer=citizen, state=FamilyLink.State.ACTIVE).values("member")
    cards = Card.objects.select_related("product", "citizen").prefetch_related("purses")
    card = cards.filter(pk=card_id, citizen__in=linked, state=Card.State.ACTIVE).first()
    if card is None:
        raise Http404
    return _order(request, citizen, card, partial(top_up_for, payer=citizen, card=card), is_own=False)


@require_safe
@for_citizen
def progress(request: HttpRequest, citizen: Citizen, number: str) -> HttpResponse:
    """How an order stands; reads only, and looks again by itself as long as something is about to happen."""
    order = _own_order(citizen, number)
    is_open = order.state == TopUpOrder.State.INIT
    context = {
        "order": order,
        "payment_page": payment_page(order) if is_open else "",
        "is_own": order.payer_id is None,
        "look_again": is_open and order.received_at > timezone.now() - WATCHED_FOR,
    }
    return render(request, "portal/order.html", context)


@require_POST
@for_citizen
def pay(request: HttpRequest, citizen: Citizen, number: str) -> HttpResponse:
    """Ask the gateway for the payment once more, after it did not answer."""
    order = _own_order(citizen, number)
    start_gateway_payment(order=order)
    return redirect("portal:order", order.number)


@require_POST
@for_citizen
def cancel(request: HttpRequest, citizen: Citizen, number: str) -> HttpResponse:
    """Drop an order that is not paid; one that was paid meanwhile is shown as paid."""
    order = _own_order(citizen, number)
    cancel_topup(order=order, actor=login_name(citizen), reason="by the citizen")
    return redirect("portal:order", order.number)


def _order(
    request: HttpRequest, citizen: Citizen, card: Card, make: Callable[..., TopUpOrder], *, is_own: bool
) -> HttpResponse:
    form = TopUpForm(card, request.POST or None)
    now = timezone.now()
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            made = _make(citizen, form.cleaned_data, make)
        except (LimitExceeded, CardNotActive, NoAccountPurse) as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:order", made.number)
    context = {"form": form, "card": card, "is_own": is_own, "limits": _limits(card, shanghai(now).date())}
    return render(request, "portal/top_up.html", context, status=status)


def _make(citizen: Citizen, asked: dict[str, Any], make: Callable[..., TopUpOrder]) -> TopUpOrder:
    """The order, and its payment at the gateway. One that the gateway does not answer about can be paid later."""
    key = f"portal:{citizen.pk.hex}:{asked['request_key']}"
    now = timezone.now()
    check_orders(citizen, request_key=key, now=now)
    made = make(
        amount_fen=asked["amount_fen"],
        purse_kind=asked["purse_kind"],
        actor=login_name(citizen),
        occurred_at=now,
        request_key=key,
    )
    if made.state == TopUpOrder.State.INIT:
        with contextlib.suppress(GatewayUnavailable, GatewayError):
            start_gateway_payment(order=made)
    return made


def _limits(card: Card, on: Any) -> list[LimitPolicy]:
    """The rules of the day for topping this card up here, so that nobody has to find out by being refused."""
    level = card.citizen.level if card.citizen else LimitPolicy.Level.ANONYMOUS
    rules = limits_in_force(on).filter(
        Q(product=None) | Q(product=card.product_id),
        Q(level=None) | Q(level=level),
        operation=LimitPolicy.Operation.TOP_UP,
        channel__in=("", GATEWAY),
    )
    return list(rules)


def _own_order(citizen: Citizen, number: str) -> TopUpOrder:
    """An order that the citizen made for themselves or for the family. Raises Http404 for any other."""
    own = Q(payer=citizen) | Q(card__citizen=citizen, payer=None)
    order = TopUpOrder.objects.select_related("card__product", "purse").filter(own, number=number).first()
    if order is None:
        raise Http404
    return order
