"""Passes that were sold: what is left of each, and giving one back at the counter."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.errors import PassNotRefundable
from accounts.models import Pass
from accounts.services.pass_refunds import PassRefundQuote, paid_back_fen, quote_pass_refund, refund_pass
from citizencard.core.calendar import shanghai
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.forms import PassRefundForm
from citizencard.office.reasons import Facts, ask, tell
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, signed_yuan, yuan
from terminals.models import Channel

COLOURS = {"active": "success", "used_up": "info", "expired": "warning", "refunded": "warning"}
LATEST = 50


@admin.register(Pass, site=office)
class PassAdmin(ReadOnlyAdmin):
    """A pass of a card, from its sale to its last ride."""

    list_display = [
        "number", "product_name", "card", "state_label", "starts_on", "ends_on", "rides_left", "price", "unused",
    ]  # fmt: skip
    list_filter = ["state", "product"]
    list_select_related = ["card", "product"]
    search_fields = ["number", "card__pan"]
    search_help_text = _("Pass number or card number")
    fields = [
        "number", "card", "product", "state", "starts_on", "ends_on", "rides_left", "price", "unused", "given_back",
        "paid_by", "proof", "sold_at",
    ]  # fmt: skip
    readonly_fields = ["price", "unused", "given_back"]
    ordering = ["-pk"]
    actions_detail = ["give_back"]
    price = yuan_column("price_fen", _("price (yuan)"))
    unused = yuan_column("unused_fen", _("unused (yuan)"))
    given_back = yuan_column("refunded_fen", _("given back, fee included (yuan)"))

    @display(description=_("product"), ordering="product__name")
    def product_name(self, obj: Pass) -> str:
        """Without the date of its terms."""
        return obj.product.name

    @display(description=_("state"), ordering="state", label=COLOURS)
    def state_label(self, obj: Pass) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, str(Pass.State(obj.state).label)

    def tables(self, request: HttpRequest, obj: Pass) -> list[Table]:
        """The latest rides."""
        words = dict(Channel.choices)
        rides = obj.uses.select_related("payee").order_by("-pk")[:LATEST]
        return [
            Table(
                _("Rides taken"),
                [_("time"), _("channel"), _("payee"), _("fare"), _("paid by the pass")],
                [
                    [at(ride.used_at), words.get(ride.channel, ride.channel), ride.payee.name or ride.payee.code,
                     yuan(ride.fare_fen), yuan(ride.value_fen)]
                    for ride in rides
                ],
                columns(3, 4),
            )
        ]  # fmt: skip

    def offers(self, obj: Pass, step: str) -> bool:
        """As long as it runs."""
        return bool(obj.state == Pass.State.ACTIVE)

    @action(description=_("Give the pass back"), permissions=["request_refund"], icon="undo", variant=None)
    def give_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what is unused; on confirmation the pass ends and the holder is paid in cash."""
        held = get_object_or_404(Pass.objects.select_related("product", "card"), pk=unquote(object_id))
        title = gettext("Give the pass back")
        if held.state == Pass.State.REFUNDED:  # asked twice: the same answer
            return tell(request, self, held, title=title, facts=_outcome(held))
        try:
            quote = quote_pass_refund(held, on=shanghai(timezone.now()).date())
        except PassNotRefundable as refusal:
            return tell(request, self, held, title=title, refusal=refusal)

        def act(given: dict[str, Any]) -> Facts:
            done = refund_pass(
                card_pass=held,
                quoted_fen=given["quoted"],
                actor=request.user.get_username(),
                reason=given["reason"],
                occurred_at=timezone.now(),
            )
            return _outcome(done)

        form = partial(PassRefundForm, quote.payable_fen)
        return ask(
            request, self, held, title=title, form=form, act=act, tables=[_held(held), _formula(quote)]
        )


def _held(held: Pass) -> Table:
    return Table(
        held.product.name,
        [_("number"), _("card number"), _("first day"), _("last day"), _("rides left"), _("paid by")],
        [
            [link(held), link(held.card), held.starts_on, held.ends_on,
             _("any number") if held.rides_left is None else held.rides_left, Pass.PaidBy(held.paid_by).label]
        ],
        columns(4),
    )  # fmt: skip


def _formula(quote: PassRefundQuote) -> Table:
    return Table(
        _("Refund by formula"),
        [_("item"), _("amount")],
        [[line.label, signed_yuan(line.amount_fen)] for line in quote.lines],
        columns(1),
        total=[_("Payable in cash"), yuan(quote.payable_fen)],
        note=quote.legal_basis,
    )


def _outcome(held: Pass) -> Facts:
    return [
        (gettext("state"), str(Pass.State(held.state).label)),
        (gettext("paid in cash (yuan)"), yuan(paid_back_fen(held))),
    ]
