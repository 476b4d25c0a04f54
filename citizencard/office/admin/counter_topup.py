"""A top-up at the counter 柜台充值: cash into the drawer first, then the value onto the chip on the reader.

Two pages, since only the first may be lost: once the cash is taken the order stands, and whatever happens to card, reader
or browser afterwards, the same order is written to the card by the second page, or by any reader that sees it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from unfold.admin import ModelAdmin

from accounts.models import Card, DrawerEntry, Purse, TopUpOrder
from accounts.services.topup import top_up_in_cash
from citizencard.bridge.desk import card_here
from citizencard.office.admin.card_money import purses_table
from citizencard.office.reasons import Facts, ask, tell
from citizencard.office.receipt_pages import receipt_link
from citizencard.office.tables import link, yuan
from citizencard.office.topup_forms import PinForm, TopUpForm
from citizencard.templatetags.money import card_number
from terminals.services.counter import load_chip

PURPOSE: Final = "top up card"
"""In the audit trail and on the workstation's console."""
State = TopUpOrder.State


def top_up_page(request: HttpRequest, model_admin: ModelAdmin, card: Card) -> HttpResponse:
    """How much, into which purse; on POST the cash is taken, and a chip is written on the order's own page."""
    taken: list[TopUpOrder] = []

    def form(data: QueryDict | None) -> TopUpForm:
        return TopUpForm(card, data, initial={"request_key": secrets.token_urlsafe(12)})

    def act(given: Mapping[str, Any]) -> Facts:
        order = top_up_in_cash(
            card=card,
            amount_fen=given["amount_fen"],
            purse_kind=given["purse"],
            actor=request.user.get_username(),
            occurred_at=timezone.now(),
            request_key=f"counter:{card.pk}:{given['request_key']}",
        )
        taken.append(order)
        return _outcome(order)

    page = ask(
        request, model_admin, card, title=gettext("Top up"), form=form, act=act, tables=[purses_table(card)]
    )
    if taken and taken[0].purse.kind == Purse.Kind.CHIP:
        return HttpResponseRedirect(reverse("admin:accounts_topuporder_load", args=[taken[0].pk]))
    return page


def load_page(request: HttpRequest, model_admin: ModelAdmin, order: TopUpOrder) -> HttpResponse:
    """Where the order stands, and the button that writes it to the card on the reader; pressed twice it is written once."""
    title = gettext("Write to the card")
    if order.state not in (State.PAID, State.LOADED) or order.purse.kind != Purse.Kind.CHIP:
        return tell(request, model_admin, order, title=title, facts=_outcome(order))

    def act(given: Mapping[str, Any]) -> Facts:
        with card_here(request, purpose=PURPOSE) as transport:
            balance_fen = load_chip(
                order=order,
                transport=transport,
                terminal_no=settings.COUNTER_TERMINAL_NO,
                when=timezone.now().replace(microsecond=0),
                pin=given["pin"],
            )
        order.refresh_from_db()
        return [*_outcome(order), (gettext("chip balance"), yuan(balance_fen))]

    return ask(
        request,
        model_admin,
        order,
        title=title,
        form=PinForm,
        act=act,
        template="office/load.html",
        order=order,
    )


@permission_required("bridge.use_reader", raise_exception=True)
def progress_fragment(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    """How far the order is, for the load page's polling."""
    order = get_object_or_404(TopUpOrder, pk=pk)
    return TemplateResponse(request, "office/progress.html", {"order": order})


def _outcome(order: TopUpOrder) -> Facts:
    taken = DrawerEntry.objects.select_related("journal").filter(journal__key=f"topup-paid:{order.number}")
    return [
        (gettext("order number"), link(order)),
        (gettext("card number"), card_number(order.card.pan)),
        (gettext("amount (yuan)"), yuan(order.amount_fen)),
        (gettext("state"), order.get_state_display()),
        (gettext("receipt"), receipt_link(taken.first())),
    ]
