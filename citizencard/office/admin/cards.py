"""Cards with their whole story, products, and top-up orders."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import Card, CardProduct, TopUpOrder
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.reasons import ask_reason
from citizencard.office.site import office
from citizencard.office.tables import Table, at, columns, link, signed_yuan, yuan
from citizencard.templatetags.money import card_number
from terminals.selectors.statement import card_statement
from terminals.services.hotlist import report_loss

STATE_COLOURS = {
    Card.State.ACTIVE: "success",
    Card.State.ISSUED: "info",
    Card.State.PERSONALISED: "info",
    Card.State.LOST: "danger",
}
ORDER_COLOURS = {
    TopUpOrder.State.CONFIRMED: "success",
    TopUpOrder.State.LOADED: "warning",
    TopUpOrder.State.PAID: "warning",
    TopUpOrder.State.REVERSED: "danger",
}
STATEMENT_LINES = 50


@admin.register(Card, site=office)
class CardAdmin(ReadOnlyAdmin):
    """A card by its number, and everything that ever happened to it."""

    list_display = ["number", "product", "holder", "state_label", "balance", "valid_to"]
    list_filter = ["state", "product"]
    list_select_related = ["product", "citizen"]
    search_fields = ["pan"]
    search_help_text = _("Card number")
    fields = ["number", "product", "citizen", "state", "balance", "valid_from", "valid_to", "key_version"]
    readonly_fields = ["number", "balance"]
    ordering = ["-pk"]
    actions_detail = ["report_lost"]

    @display(description=_("card number"), ordering="pan")
    def number(self, obj: Card) -> str:
        """As printed on the card."""
        return card_number(obj.pan)

    @display(description=_("citizen"))
    def holder(self, obj: Card) -> str:
        """The masked holder; a dash for an anonymous card."""
        return str(obj.citizen or "–")

    @display(
        description=_("state"),
        ordering="state",
        label={str(key): value for key, value in STATE_COLOURS.items()},
    )
    def state_label(self, obj: Card) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Card]:
        """With the purses, which every row shows."""
        cards: QuerySet[Card] = super().get_queryset(request)
        return cards.prefetch_related("purses")

    @display(description=_("back-office balance (yuan)"))
    def balance(self, obj: Card) -> str:
        """The shadow balance."""
        return yuan(obj.purse.balance_fen)

    def tables(self, request: HttpRequest, obj: Card) -> list[Table]:
        """Movements, top-ups, and the steps of the card's life."""
        return [_movements(obj), _topups(obj), _life(obj)]

    @action(description=_("Report lost"), permissions=["report_loss"], icon="report", variant=None)
    def report_lost(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put the card on the hot list, with the reason; terminals learn it with their next update."""
        card = get_object_or_404(Card, pk=unquote(object_id))

        def report(reason: str) -> list[tuple[str, str]]:
            entry = report_loss(
                card=card, actor=request.user.get_username(), reason=reason, occurred_at=timezone.now()
            )
            return [
                (gettext("effective at"), at(entry.effective_at)),
                (gettext("hot list version"), str(entry.version)),
            ]

        return ask_reason(request, self, card, title=gettext("Report lost"), act=report)


def _movements(card: Card) -> Table:
    lines = card_statement(card=card, limit=STATEMENT_LINES)
    return Table(
        _("Movements"),
        [_("time"), _("party"), _("place"), _("amount"), _("balance"), _("outcome"), _("note")],
        [
            [
                at(line.occurred_at),
                line.party or TopUpOrder.Channel(line.channel).label,
                line.place,
                signed_yuan(line.amount_fen),
                yuan(line.balance_fen),
                line.outcome.label if line.outcome else _("loaded"),
                line.note,
            ]
            for line in lines
        ],
        columns(3, 4),
        note=_("Newest first, by the clock of the device; at most %(limit)s.") % {"limit": STATEMENT_LINES},
    )


def _topups(card: Card) -> Table:
    orders = card.topups.order_by("-occurred_at")
    return Table(
        _("Top-ups"),
        [_("order number"), _("amount"), _("channel"), _("state"), _("ordered at"), _("loaded at")],
        [
            [
                link(order),
                yuan(order.amount_fen),
                order.get_channel_display(),
                order.get_state_display(),
                at(order.occurred_at),
                at(order.loaded_at),
            ]
            for order in orders
        ],
        columns(1),
    )


def _life(card: Card) -> Table:
    states = dict(Card.State.choices)
    return Table(
        _("Life of the card"),
        [_("time"), _("from"), _("to"), _("actor"), _("reason")],
        [
            [at(event.occurred_at), states.get(event.source, event.source), states.get(event.target, event.target),
             event.actor, event.reason]
            for event in card.events.order_by("-pk")
        ],
    )  # fmt: skip


@admin.register(CardProduct, site=office)
class CardProductAdmin(ReadOnlyAdmin):
    """Kinds of cards and their limits."""

    list_display = ["name", "code", "real_name", "limit", "price", "deposit", "validity_years"]
    fields = ["name", "code", "real_name", "kind_code", "limit", "price", "deposit", "validity_years"]
    readonly_fields = ["limit", "price", "deposit"]
    ordering = ["code"]
    limit = yuan_column("balance_limit_fen", _("balance limit (yuan)"))
    price = yuan_column("price_fen", _("price (yuan)"))
    deposit = yuan_column("deposit_fen", _("deposit (yuan)"))


@admin.register(TopUpOrder, site=office)
class TopUpOrderAdmin(ReadOnlyAdmin):
    """Money in, then value onto the chip."""

    list_display = ["number", "card", "amount", "channel", "state_label", "occurred_at", "actor"]
    list_filter = ["state", "channel"]
    list_select_related = ["card"]
    search_fields = ["number", "card__pan"]
    search_help_text = _("Order number or card number")
    fields = [
        "number", "card", "amount", "channel", "state", "actor", "occurred_at", "gateway_id", "online_atc",
        "terminal_no", "loaded_at",
    ]  # fmt: skip
    readonly_fields = ["amount"]
    ordering = ["-pk"]
    amount = yuan_column("amount_fen", _("amount (yuan)"))

    @display(
        description=_("state"),
        ordering="state",
        label={str(key): value for key, value in ORDER_COLOURS.items()},
    )
    def state_label(self, obj: TopUpOrder) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()
