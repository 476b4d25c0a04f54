"""Card products, cards with their life cycle, and the purse on the chip."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import RETURN_VALUE, FSMField, transition

from accounts.models.ledger import LedgerAccount
from accounts.models.people import Citizen
from citizencard.core.models import CounterRanges
from citizencard.core.states import StatefulModel


class CardProduct(models.Model):
    """A kind of card, as data."""

    code = models.SlugField(_("code"), max_length=20, primary_key=True)
    name = models.CharField(_("name"), max_length=50)
    real_name = models.BooleanField(_("real-name"))
    kind_code = models.PositiveSmallIntegerField(_("card kind on the chip"), help_text=_("EF17: 1 normal …"))
    balance_limit_fen = models.BigIntegerField(
        _("balance limit (fen)"), help_text=_("of the purse on the chip")
    )
    account_limit_fen = models.BigIntegerField(
        _("account purse limit (fen)"),
        default=0,
        db_default=0,
        help_text=_("0: the product has no account purse"),
    )
    overdraft_fen = models.BigIntegerField(_("overdraft for one ride (fen)"), default=0, db_default=0)
    price_fen = models.BigIntegerField(_("price (fen)"), default=0)
    deposit_fen = models.BigIntegerField(_("deposit (fen)"), default=0)
    validity_years = models.PositiveSmallIntegerField(_("validity (years)"))
    test_only = models.BooleanField(
        _("for tests only"),
        default=False,
        db_default=False,
        help_text=_("refused where the system is in production"),
    )

    class Meta:
        verbose_name = _("card product")
        verbose_name_plural = _("card products")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    balance_limit_fen__gt=0,
                    account_limit_fen__gte=0,
                    price_fen__gte=0,
                    deposit_fen__gte=0,
                    validity_years__gte=1,
                ),
                name="card_product_amounts_sane",
            ),
            models.CheckConstraint(
                condition=models.Q(overdraft_fen__gte=0, overdraft_fen__lte=models.F("deposit_fen")),
                name="card_product_overdraft_within_deposit",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Card(StatefulModel):
    """A card record; the PAN is the 19 digits on the face, `serial` its last 16 digits, the diversification factor."""

    class State(models.TextChoices):
        BLANK = "blank", _("blank")
        PERSONALISED = "personalised", _("personalised")
        ISSUED = "issued", _("issued")
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", pgettext_lazy("card", "suspended")
        LOST = "lost", _("reported lost")
        REFUNDING = "refunding", _("refund under way")
        REPLACED = "replaced", _("replaced")
        CLOSED = "closed", _("closed")

    LIVE = (State.BLANK, State.PERSONALISED, State.ISSUED, State.ACTIVE)
    """In use, or about to be: a person has one such card of a product."""

    pan = models.CharField(_("card number"), max_length=19, unique=True)
    product = models.ForeignKey(CardProduct, models.PROTECT, verbose_name=_("product"))
    citizen = models.ForeignKey(
        Citizen, models.PROTECT, null=True, blank=True, related_name="cards", verbose_name=_("citizen")
    )
    state = FSMField(_("state"), choices=State.choices, default=State.BLANK, protected=True)
    key_version = models.PositiveSmallIntegerField(_("key version"), default=1)
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"))
    price_fen = models.BigIntegerField(_("price paid (fen)"), null=True, blank=True)
    deposit_fen = models.BigIntegerField(_("deposit paid (fen)"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        constraints = [
            models.CheckConstraint(condition=models.Q(pan__regex=r"^\d{19}$"), name="card_pan_19_digits"),
            models.CheckConstraint(
                condition=models.Q(valid_to__gt=models.F("valid_from")), name="card_validity_order"
            ),
            models.CheckConstraint(
                condition=models.Q(price_fen=None, deposit_fen=None)
                | models.Q(price_fen__gte=0, deposit_fen__gte=0),
                name="card_sold_for_price_and_deposit",
            ),
            models.UniqueConstraint(
                fields=["citizen", "product"],
                condition=models.Q(state__in=["personalised", "issued", "active"]),
                name="one_live_card_per_citizen_and_product",
            ),
        ]

    def __str__(self) -> str:
        return self.pan

    @property
    def purse(self) -> Purse:
        """The purse on the chip; every card has one."""
        return next(purse for purse in self.purses.all() if purse.kind == Purse.Kind.CHIP)

    @property
    def serial(self) -> bytes:
        """The 8 bytes keys are diversified by: the rightmost 16 digits of the PAN in BCD."""
        return bytes.fromhex(self.pan[-16:])

    @transition(field=state, source=State.BLANK, target=State.PERSONALISED)
    def personalise(self) -> None:
        """The chip carries the card's files and keys."""

    @transition(field=state, source=State.PERSONALISED, target=State.ISSUED)
    def issue(self) -> None:
        """The card is in the holder's hand."""

    @transition(field=state, source=State.ISSUED, target=State.ACTIVE)
    def activate(self) -> None:
        """The card may pay."""

    @transition(field=state, source=[State.ISSUED, State.ACTIVE], target=State.LOST)
    def report_lost(self) -> None:
        """The holder reported the loss; the hot list carries the card from now on."""

    @transition(field=state, source=State.LOST, target=State.ACTIVE)
    def recover(self) -> None:
        """The card was found, or reported lost by mistake."""

    @transition(field=state, source=[State.ISSUED, State.ACTIVE], target=State.SUSPENDED)
    def suspend(self) -> None:
        """The holder cannot use it, as after a death; the hot list carries the card from now on."""

    @transition(field=state, source=State.SUSPENDED, target=RETURN_VALUE(State.ISSUED, State.ACTIVE))
    def reinstate(self, state: str) -> str:
        """What it was suspended for was a mistake: the card is what it was before."""
        return state

    @transition(
        field=state,
        source=[State.ISSUED, State.ACTIVE, State.SUSPENDED, State.LOST],
        target=State.REFUNDING,
    )
    def start_refund(self) -> None:
        """The holder wants the money back; the hot list carries the card from now on."""

    @transition(field=state, source=State.REFUNDING, target=State.CLOSED)
    def finish_refund(self) -> None:
        """The money has left the card, and with it the card's life ends."""

    @transition(
        field=state,
        source=State.REFUNDING,
        target=RETURN_VALUE(State.ISSUED, State.ACTIVE, State.SUSPENDED, State.LOST),
    )
    def resume(self, state: str) -> str:
        """The refund came to nothing: the card is what it was before."""
        return state

    @transition(field=state, source=[State.ISSUED, State.ACTIVE, State.LOST], target=State.REPLACED)
    def replace(self) -> None:
        """Another card has taken its place; its money follows when late taps have arrived."""

    @transition(field=state, source=State.REPLACED, target=State.CLOSED)
    def finish_replacement(self) -> None:
        """Its money has followed."""

    @transition(
        field=state,
        source=[State.BLANK, State.PERSONALISED, State.ISSUED, State.ACTIVE, State.SUSPENDED, State.LOST],
        target=State.CLOSED,
    )
    def close(self) -> None:
        """The card's life ends."""


class CardEvent(models.Model):
    """One step of a card's life: from, to, who, why, when. Append-only by trigger."""

    card = models.ForeignKey(Card, models.PROTECT, related_name="events", verbose_name=_("card"))
    source = models.CharField(_("from"), max_length=20)
    target = models.CharField(_("to"), max_length=20)
    actor = models.CharField(_("actor"), max_length=100)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("card event")
        verbose_name_plural = _("card events")

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


class Purse(models.Model):
    """Stored value of a card: on its chip, as the back office knows it (the shadow balance), or in an account online.

    `balance_fen` is kept by the ledger's trigger and equals the account's transfers, `held_fen` what is reserved of it.
    The database keeps floor and ceiling. `offline_seen` holds the offline ATCs of accepted purchases, `online_seen` the
    online ATCs of confirmed loads.
    """

    class Kind(models.TextChoices):
        CHIP = "chip", _("on the chip")
        ACCOUNT = "account", _("online account")

    card = models.ForeignKey(
        Card, models.PROTECT, related_name="purses", verbose_name=_("card"), db_index=False
    )
    kind = models.CharField(
        _("kind"), max_length=7, choices=Kind.choices, default=Kind.CHIP, db_default=Kind.CHIP
    )
    account = models.OneToOneField(LedgerAccount, models.PROTECT, verbose_name=_("ledger account"))
    balance_fen = models.BigIntegerField(_("balance (fen)"), default=0, editable=False)
    held_fen = models.BigIntegerField(_("held (fen)"), default=0, db_default=0, editable=False)
    floor_fen = models.BigIntegerField(_("floor (fen)"), default=0)
    ceiling_fen = models.BigIntegerField(_("ceiling (fen)"))
    movements = models.BigIntegerField(_("movements"), default=0, editable=False)
    offline_seen = CounterRanges(db_default=models.Value("{}"), editable=False)
    online_seen = CounterRanges(db_default=models.Value("{}"), editable=False)

    class Meta:
        verbose_name = _("purse")
        verbose_name_plural = _("purses")
        constraints = [
            models.UniqueConstraint(fields=["card", "kind"], name="one_purse_of_a_kind_per_card"),
            models.CheckConstraint(
                condition=models.Q(balance_fen__gte=models.F("floor_fen") + models.F("held_fen")),
                name="purse_floor",
            ),
            models.CheckConstraint(
                condition=models.Q(balance_fen__lte=models.F("ceiling_fen")), name="purse_ceiling"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.card_id} {self.kind}"

    @property
    def available_fen(self) -> int:
        """What may be spent, in fen: the balance above the floor that nobody has reserved."""
        return self.balance_fen - self.held_fen - self.floor_fen
