"""What happened to a card, newest first: its movements, its top-ups, the steps of its life."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.models import Card, Replacement, TopUpOrder
from citizencard.office.tables import Table, at, columns, link, signed_yuan, yuan
from terminals.selectors.statement import card_statement

STATEMENT_LINES = 50


def movements_table(card: Card) -> Table:
    """Uses and loads of the chip, with the balance after each."""
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


def topups_table(card: Card) -> Table:
    """The newest orders for either purse."""
    orders = card.topups.select_related("purse").order_by("-occurred_at")[:STATEMENT_LINES]
    return Table(
        _("Top-ups"),
        [_("order number"), _("amount"), _("purse"), _("channel"), _("through"), _("state"), _("proved by"),
         _("ordered at"), _("confirmed at")],
        [
            [link(order), yuan(order.amount_fen), order.purse.get_kind_display(), order.get_channel_display(),
             order.party, order.get_state_display(), order.get_proof_display(), at(order.occurred_at),
             at(order.confirmed_at)]
            for order in orders
        ],
        columns(1),
    )  # fmt: skip


def replacements_table(card: Card) -> list[Table]:
    """Which card it took the place of, and which has taken its; no table where neither is so."""
    rows = [
        [said, link(getattr(each, side)), each.get_cause_display(), each.get_state_display(), each.due_on, at(each.moved_at),
         yuan((each.chip_fen or 0) + (each.account_fen or 0) + (each.deposit_fen or 0))]
        for found, side, said in ((Replacement.objects.filter(old=card), "new", _("replaced by")),
            (Replacement.objects.filter(new=card), "old", _("in the place of")))
        for each in found.select_related(side)
    ]  # fmt: skip
    headers = [_("is"), _("card"), _("cause"), _("state"), _("due on"), _("moved at"), _("moved (yuan)")]
    return [Table(_("Replacement"), headers, rows, columns(6))] if rows else []


def losses_table(card: Card) -> list[Table]:
    """Every loss report with its number, by which way it came, and how it ended; no table without one."""
    rows = [
        [each.number, each.get_kind_display(), each.get_channel_display(), at(each.effective_at), at(each.lapses_at),
         each.get_state_display(), at(each.ended_at), each.reported_by]
        for each in card.losses.order_by("-pk")
    ]  # fmt: skip
    headers = [_("reference number"), _("kind"), _("reported by way of"), _("effective at"), _("lapses at"), _("state"),
               _("ended at"), _("reported by")]  # fmt: skip
    return [Table(_("Loss reports"), headers, rows)] if rows else []


def life_table(card: Card) -> Table:
    """Every step of the card's state."""
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
