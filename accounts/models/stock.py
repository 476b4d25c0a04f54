"""Card stock: places, cards as serial-tracked goods, and the signed movements that alone change where a card is.

A trigger on `StockLine` moves the items and keeps `StockLevel`; nothing else can write either.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Card, CardProduct
from citizencard.core.two_people import MadeAndChecked, Proposed


class StockPlace(models.Model):
    """Where cards lie: the bureau, the central store, a hall, or with a clerk."""

    class Kind(models.TextChoices):
        BUREAU = "bureau", _("bureau")
        STORE = "store", _("central store")
        HALL = "hall", _("service hall")
        CLERK = "clerk", _("clerk")

    code = models.SlugField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=50)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices)

    class Meta:
        verbose_name = _("place of stock")
        verbose_name_plural = _("places of stock")

    def __str__(self) -> str:
        return self.name


class CardOrder(MadeAndChecked):
    """Cards to be made for a hall: proposed by one person, approved by another, sent to the bureau, made, delivered.

    Of a real-name product every card is made for its holder; of an anonymous one `quantity` cards for whoever comes.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        SENT = "sent", _("at the bureau")
        PRODUCED = "produced", _("produced")
        DELIVERED = "delivered", _("delivered")

    product = models.ForeignKey(CardProduct, models.PROTECT, related_name="+", verbose_name=_("product"))
    quantity = models.PositiveIntegerField(_("cards"))
    hall = models.ForeignKey(
        StockPlace, models.PROTECT, related_name="orders", verbose_name=_("for the hall")
    )
    deadline = models.DateField(_("wanted by"))
    state = FSMField(_("state"), max_length=9, choices=State.choices, default=State.PROPOSED, protected=True)

    class Meta:
        verbose_name = _("card order")
        verbose_name_plural = _("card orders")
        permissions = [
            ("propose_cardorder", _("Order cards for a hall")),
            ("approve_cardorder", _("Approve orders of cards")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quantity__range=(1, 10_000)), name="card_order_quantity"
            ),
            models.CheckConstraint(
                condition=models.Q(state="proposed", checker="", checked_at=None)
                | ~models.Q(state="proposed")
                & models.Q(checker__gt="", checked_at__isnull=False)
                & ~models.Q(checker=F("maker")),
                name="card_order_by_two",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The order's number, as papers and people name it."""
        return f"K{self.pk:06d}"

    @transition(field=state, source=State.PROPOSED, target=State.APPROVED)
    def approve(self) -> None:
        """A second person agrees: the cards have numbers now."""

    @transition(field=state, source=State.PROPOSED, target=State.REFUSED)
    def refuse(self) -> None:
        """A second person does not agree."""

    @transition(field=state, source=State.APPROVED, target=State.SENT)
    def send(self) -> None:
        """The bureau has its files."""

    @transition(field=state, source=State.SENT, target=State.PRODUCED)
    def produce(self) -> None:
        """The bureau has made every card."""

    @transition(field=state, source=State.PRODUCED, target=State.DELIVERED)
    def deliver(self) -> None:
        """Every card has reached the hall, or was lost, found or scrapped after that."""


class StockItem(models.Model):
    """A card as goods. `place` answers for it; a travelling one is its sender's until it arrives at `bound_for`."""

    class State(models.TextChoices):
        ORDERED = "ordered", _("ordered")
        HELD = "held", _("in stock")
        TRAVELLING = "travelling", _("on its way")
        ISSUED = "issued", _("issued")
        SCRAPPED = "scrapped", _("scrapped")
        LOST = "lost", _("lost")

    card = models.OneToOneField(Card, models.PROTECT, related_name="stock_item", verbose_name=_("card"))
    order = models.ForeignKey(CardOrder, models.PROTECT, related_name="items", verbose_name=_("card order"))
    place = models.ForeignKey(StockPlace, models.PROTECT, related_name="items", verbose_name=_("place"))
    bound_for = models.ForeignKey(
        StockPlace, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("bound for")
    )
    carton = models.CharField(_("carton"), max_length=20, blank=True, default="", db_index=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.ORDERED, db_default=State.ORDERED
    )

    class Meta:
        verbose_name = _("card in stock")
        verbose_name_plural = _("cards in stock")
        indexes = [models.Index(fields=["place", "state"], name="stock_item_by_place")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="travelling", bound_for__isnull=False)
                | ~models.Q(state="travelling") & models.Q(bound_for=None),
                name="stock_item_travels_somewhere",
            )
        ]

    def __str__(self) -> str:
        return str(self.card)


class StockMovement(models.Model):
    """What happened to some cards at `source`; `target` is where they go, the same place where they do not travel.

    Where goods change hands, `witness` is the other signature: who sent what arrives, who asked for what two decide.
    Append-only by trigger.
    """

    class Kind(models.TextChoices):
        PRODUCED = "produced", _("produced")
        SENT = "sent", _("sent")
        ARRIVED = "arrived", _("arrived")
        ISSUED = "issued", _("issued")
        SCRAPPED = "scrapped", _("scrapped")
        LOST = "lost", _("lost")
        FOUND = "found", _("found")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    source = models.ForeignKey(StockPlace, models.PROTECT, related_name="+", verbose_name=_("from"))
    target = models.ForeignKey(StockPlace, models.PROTECT, related_name="+", verbose_name=_("to"))
    answers = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="arrivals", verbose_name=_("consignment")
    )
    actor = models.CharField(_("actor"), max_length=150)
    witness = models.CharField(_("second signature"), max_length=150, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    moved_at = models.DateTimeField(_("at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("movement of stock")
        verbose_name_plural = _("movements of stock")
        permissions = [("move_stock", _("Send and receive cards, propose to scrap them"))]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(kind__in=["arrived", "scrapped", "found"])
                | models.Q(witness__gt="") & ~models.Q(witness=F("actor")),
                name="stock_changes_hands_before_two",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["sent", "arrived"]) & ~models.Q(source=F("target"))
                | ~models.Q(kind__in=["sent", "arrived"]) & models.Q(source=F("target")),
                name="stock_travels_between_places",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="arrived", answers__isnull=False)
                | ~models.Q(kind="arrived") & models.Q(answers=None),
                name="stock_arrives_as_it_was_sent",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=["scrapped", "lost", "found"]) | models.Q(reason__gt=""),
                name="stock_leaves_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class StockLine(models.Model):
    """One card of a movement. Append-only; its trigger moves the card and counts, or refuses a card that is elsewhere."""

    movement = models.ForeignKey(
        StockMovement, models.PROTECT, related_name="lines", verbose_name=_("movement of stock")
    )
    item = models.ForeignKey(StockItem, models.PROTECT, related_name="lines", verbose_name=_("card in stock"))

    class Meta:
        verbose_name = _("line of a movement")
        verbose_name_plural = _("lines of a movement")
        constraints = [
            models.UniqueConstraint(fields=["movement", "item"], name="stock_item_once_per_movement")
        ]

    def __str__(self) -> str:
        return f"{self.movement_id} {self.item_id}"


class StockLevel(models.Model):
    """How many cards of a product lie at a place, and why that many. Kept by the trigger; `minimum` is the operator's."""

    place = models.ForeignKey(StockPlace, models.PROTECT, related_name="levels", verbose_name=_("place"))
    product = models.ForeignKey(CardProduct, models.PROTECT, related_name="+", verbose_name=_("product"))
    produced = models.IntegerField(_("produced"), default=0, db_default=0)
    came = models.IntegerField(_("came in"), default=0, db_default=0)
    went = models.IntegerField(_("sent away"), default=0, db_default=0)
    issued = models.IntegerField(_("issued"), default=0, db_default=0)
    scrapped = models.IntegerField(_("scrapped"), default=0, db_default=0)
    lost = models.IntegerField(_("lost"), default=0, db_default=0)
    count = models.GeneratedField(
        expression=F("produced") + F("came") - F("went") - F("issued") - F("scrapped") - F("lost"),
        output_field=models.IntegerField(),
        db_persist=True,
        verbose_name=_("in stock"),
    )
    minimum = models.PositiveIntegerField(_("at least"), default=0, db_default=0)

    class Meta:
        verbose_name = _("level of stock")
        verbose_name_plural = _("levels of stock")
        constraints = [
            models.UniqueConstraint(fields=["place", "product"], name="stock_level_once"),
            models.CheckConstraint(condition=models.Q(count__gte=0), name="stock_level_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.place_id} {self.product_id}"


class StockProposal(Proposed):
    """Cards of a range at a place that one person wants scrapped, or has found again, and another lets go or refuses."""

    class Kind(models.TextChoices):
        SCRAPPED = "scrapped", _("scrapped")
        FOUND = "found", _("found")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    place = models.ForeignKey(StockPlace, models.PROTECT, related_name="+", verbose_name=_("place"))
    first = models.CharField(_("first card number"), max_length=19)
    last = models.CharField(_("last card number"), max_length=19)
    reason = models.CharField(_("reason"), max_length=200)

    class Meta(Proposed.Meta):
        abstract = False
        verbose_name = _("proposal about stock")
        verbose_name_plural = _("proposals about stock")
        permissions = [("decide_stock", _("Decide on cards to be scrapped or found"))]

    def __str__(self) -> str:
        return f"{self.first}–{self.last}"


class StockCount(models.Model):
    """Stock-taking: what somebody found at a place, beside what the books said. Append-only by trigger."""

    place = models.ForeignKey(StockPlace, models.PROTECT, related_name="counts", verbose_name=_("place"))
    product = models.ForeignKey(CardProduct, models.PROTECT, related_name="+", verbose_name=_("product"))
    expected = models.PositiveIntegerField(_("in the books"))
    counted = models.PositiveIntegerField(_("counted"))
    missing = models.JSONField(_("missing"))
    surplus = models.JSONField(_("not of this place"))
    """Card numbers, sorted."""
    actor = models.CharField(_("actor"), max_length=150)
    counted_at = models.DateTimeField(_("counted at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("stock-taking")
        verbose_name_plural = _("stock-takings")

    def __str__(self) -> str:
        return f"{self.place_id} {self.counted_at:%Y-%m-%d}"
