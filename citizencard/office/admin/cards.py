"""Cards with their whole story."""

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

from accounts.models import Card, CardDamage, Purse
from accounts.services.incidents import record_damage
from citizencard.core.masks import mask_card
from citizencard.office.admin.card_money import concerns, online_tables, purses_table
from citizencard.office.admin.card_refund import refund_page
from citizencard.office.admin.card_steps import FROM, CardSteps
from citizencard.office.admin.card_story import (
    life_table,
    losses_table,
    movements_table,
    replacements_table,
    topups_table,
)
from citizencard.office.admin.concession_pages import concessions_table, grant_page
from citizencard.office.admin.counter_topup import top_up_page
from citizencard.office.admin.dispute_tables import disputes_table
from citizencard.office.admin.disputes import dispute_page
from citizencard.office.admin.reversals import is_todays, reversal_page
from citizencard.office.desk.issuing import replacement_page
from citizencard.office.reasons import Facts, ask_reason
from citizencard.office.receipt_pages import cash_table
from citizencard.office.site import office
from citizencard.office.tables import Table, yuan
from citizencard.templatetags.money import card_number
from terminals.errors import NotAppealable
from terminals.selectors.appeals import block_of
from terminals.services.appeals import file_appeal

STATE_COLOURS = {
    Card.State.ACTIVE: "success",
    Card.State.ISSUED: "info",
    Card.State.PERSONALISED: "info",
    Card.State.SUSPENDED: "warning",
    Card.State.LOST_TEMP: "danger",
    Card.State.LOST: "danger",
    Card.State.REPLACED: "warning",
}
_HELD = (Card.State.ISSUED, Card.State.ACTIVE)


@admin.register(Card, site=office)
class CardAdmin(CardSteps):
    """A card by its number, and everything that ever happened to it."""

    list_display = ["number", "product", "holder", "state_label", "balance", "online_balance", "valid_to"]
    list_filter = ["state", "product"]
    list_select_related = ["product", "citizen"]
    search_fields = ["pan"]
    search_help_text = _("Card number")
    fields = ["number", "product", "citizen", "state", "valid_from", "valid_to", "key_version"]
    readonly_fields = ["number"]
    ordering = ["-pk"]
    actions_detail = [
        "top_up",
        "activate",
        "report_lost",
        "found",
        "suspend",
        "let_go_on",
        "register",
        "replace",
        "refund",
        "damage",
        "concession",
        "dispute",
        "appeal",
        "reverse_sale",
    ]

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

    @display(description=_("online balance (yuan)"))
    def online_balance(self, obj: Card) -> str:
        """What the account purse holds; a dash for a card without one."""
        account = next((purse for purse in obj.purses.all() if purse.kind == Purse.Kind.ACCOUNT), None)
        return "–" if account is None else yuan(account.balance_fen)

    def tables(self, request: HttpRequest, obj: Card) -> list[Table]:
        """Purses, what stands against the card, movements, top-ups, its online side, and the steps of its life."""
        story = [movements_table(obj), topups_table(obj)]
        proved = [*disputes_table(obj), *concessions_table(obj.citizen or obj)]
        return [
            purses_table(obj),
            *losses_table(obj),
            *replacements_table(obj),
            *cash_table(obj),
            *concerns(obj),
            *proved,
            *story,
            *online_tables(obj),
            life_table(obj),
        ]

    def has_concession_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user grant concessions?"""
        return request.user.has_perm("accounts.grant_concession")

    def has_dispute_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """May the user open disputes?"""
        return request.user.has_perm("settlement.handle_dispute")

    def offers(self, obj: Card, step: str) -> bool:
        """A loss is reported and a refund asked for as long as the holder has the card; damage is found once."""
        if step in FROM:
            return obj.state in FROM[step]
        if step == "register":
            return obj.state == Card.State.ACTIVE and obj.citizen_id is None
        if step == "top_up":
            return bool(obj.state == Card.State.ACTIVE)
        if step == "reverse_sale":
            untouched = all(purse.movements == 0 for purse in obj.purses.all())
            return obj.state in _HELD and untouched and is_todays(obj)
        if step == "replace":
            return obj.state in (*_HELD, Card.State.LOST)
        if step == "appeal":
            block = block_of(obj) if obj.citizen_id else None
            return block is not None and block.appeal is None
        if step == "concession":
            return obj.state in _HELD
        if step == "dispute":
            return True
        if step == "damage":
            return (
                obj.state in (*_HELD, Card.State.REFUNDING)
                and not CardDamage.objects.filter(card=obj).exists()
            )
        return obj.state in (*_HELD, Card.State.LOST)

    @action(description=_("Top up"), permissions=["use_drawer"], icon="add_card", variant=None)
    def top_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cash into the drawer, then value onto the chip or into the online account."""
        card = get_object_or_404(Card.objects.select_related("product"), pk=unquote(object_id))
        return top_up_page(request, self, card)

    @action(
        description=_("Reverse the sale"), permissions=["use_drawer"], icon="settings_backup_restore", variant=None,
    )  # fmt: skip
    def reverse_sale(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A card sold by mistake today and never used: a supervisor decides."""
        return reversal_page(request, self, self.object_of(request, object_id))

    @action(description=_("Request refund"), permissions=["request_refund"], icon="undo", variant=None)
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Read the chip, show the quote; on confirmation the card is blocked and the refund waits for late taps and approval."""
        card = get_object_or_404(Card.objects.select_related("product"), pk=unquote(object_id))
        return refund_page(request, self, card)

    @action(description=_("Replace"), permissions=["replace_card"], icon="swap_horiz", variant=None)
    def replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A card of the hall's stock is written in its place, screen by screen; what is left on it follows."""
        card = get_object_or_404(Card.objects.select_related("product", "citizen"), pk=unquote(object_id))
        return replacement_page(request, self.admin_site, card)

    @action(
        description=_("Record damage"),
        permissions=["request_refund"],
        icon="broken_image",
        variant=None,
    )
    def damage(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder has damaged the card: the policy's fee will be taken from the deposit when it goes back."""
        card = get_object_or_404(Card.objects.select_related("product"), pk=unquote(object_id))

        def act(finding: str) -> Facts:
            found = record_damage(
                card=card, finding=finding, actor=request.user.get_username(), occurred_at=timezone.now()
            )
            return [
                (gettext("amount (yuan)"), yuan(found.amount_fen) if found else gettext("free of charge"))
            ]

        return ask_reason(request, self, card, title=gettext("Record damage"), act=act)

    @action(description=_("Open a dispute"), permissions=["dispute"], icon="balance", variant=None)
    def dispute(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder does not accept one of the card's charges."""
        card = get_object_or_404(Card.objects.select_related("product"), pk=unquote(object_id))
        return dispute_page(request, self, card)

    @action(description=_("Object to the block"), permissions=["appeal"], icon="gavel", variant=None)
    def appeal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The holder objects at the counter to a block on suspicion; what is said is kept."""
        card = get_object_or_404(Card.objects.select_related("citizen"), pk=unquote(object_id))

        def act(statement: str) -> Facts:
            if card.citizen is None:
                raise NotAppealable(card=mask_card(card.pan))
            filed = file_appeal(
                card=card,
                citizen=card.citizen,
                actor=request.user.get_username(),
                occurred_at=timezone.now(),
                statement=statement,
            )
            return [(gettext("number"), filed.number), (gettext("to be decided by"), str(filed.due_on))]

        return ask_reason(request, self, card, title=gettext("Object to the block"), act=act)

    def has_appeal_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Who takes objections."""
        return request.user.has_perm("terminals.decide_hotlistappeal")

    @action(description=_("Grant concession"), permissions=["concession"], icon="loyalty", variant=None)
    def concession(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Somebody has proved to be a student, disabled, of an age: for the holder, or for an anonymous card."""
        card = get_object_or_404(Card.objects.select_related("citizen"), pk=unquote(object_id))
        return grant_page(request, self, card)
