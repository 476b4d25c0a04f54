"""The money side of a card's page: its purses, what is reserved and paid online, passes, mandates, family, refunds."""

from __future__ import annotations

from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import Card, CardDamage, FamilyLink, Hold, LedgerAccount, Mandate, Pass, Payment, Purse
from accounts.selectors.passes import card_passes
from accounts.selectors.purses import purse_overview
from citizencard.office.tables import Table, at, columns, link, yuan
from terminals.models import Channel

LATEST = 50


def purses_table(card: Card) -> Table:
    """Both purses: what they hold, what of it is free, between which limits."""
    known = {purse.kind: purse for purse in card.purses.select_related("account")}
    return Table(
        _("Purses"),
        [_("purse"), _("balance"), _("held"), _("available"), _("in transit"), _("floor"), _("ceiling"), _("state"),
         _("as of")],
        [
            [link(known[seen.kind].account, Purse.Kind(seen.kind).label), yuan(seen.balance_fen), yuan(seen.held_fen),
             yuan(seen.available_fen), yuan(seen.in_transit_fen), yuan(known[seen.kind].floor_fen),
             yuan(seen.ceiling_fen), LedgerAccount.State(seen.state).label, at(seen.as_of)]
            for seen in purse_overview(card)
        ],
        columns(1, 2, 3, 4, 5, 6),
        note=_("Amounts in yuan. What the chip has paid since its newest record arrived is not known here yet."),
    )  # fmt: skip


def concerns(card: Card) -> list[Table]:
    """What stands against the card: suspicion, damage, refunds; no table where there is nothing."""
    tables = [_flags(card), _damage(card), _refunds(card)]
    return [table for table in tables if table.rows]


def online_tables(card: Card) -> list[Table]:
    """What the card does without its chip; only the tables that hold something."""
    tables = [_holds(card), _payments(card), _passes(card), _mandates(card), _family(card)]
    return [table for table in tables if table.rows]


def _flags(card: Card) -> Table:
    return Table(
        _("Suspicions"),
        [_("kind"), _("raised at"), _("raised by"), _("cleared at"), _("why it was cleared")],
        [
            [flag.get_kind_display(), at(flag.raised_at), flag.raised_by, at(flag.cleared_at), flag.cleared_reason]
            for flag in card.flags.order_by("-pk")
        ],
    )  # fmt: skip


def _damage(card: Card) -> Table:
    return Table(
        _("Damage"),
        [_("found at"), _("finding"), _("amount"), _("rule")],
        [
            [at(damage.occurred_at), damage.finding, yuan(damage.amount_fen), damage.rule]
            for damage in CardDamage.objects.filter(card=card)
        ],
        columns(2),
    )


def _refunds(card: Card) -> Table:
    return Table(
        _("Refunds"),
        [_("refund number"), _("state"), _("payable"), _("due on"), _("promised by"), _("requested by")],
        [
            [link(refund), refund.get_state_display(), "–" if refund.payable_fen is None else yuan(refund.payable_fen),
             refund.due_on or "–", refund.promised_by or "–", refund.requested_by]
            for refund in card.refunds.order_by("-pk")
        ],
        columns(2),
    )  # fmt: skip


def _holds(card: Card) -> Table:
    holds = Hold.objects.filter(purse__card=card).select_related("payee").order_by("-pk")[:LATEST]
    return Table(
        _("Holds"),
        [_("time"), _("payee"), _("reason"), _("amount"), _("captured"), _("state"), _("expires at")],
        [
            [at(hold.occurred_at), hold.payee.name or hold.payee.code, hold.reason, yuan(hold.amount_fen),
             yuan(hold.captured_fen), hold.get_state_display(), at(hold.expires_at)]
            for hold in holds
        ],
        columns(3, 4),
    )  # fmt: skip


def _payments(card: Card) -> Table:
    payments = (
        Payment.objects.filter(purse__card=card)
        .select_related("payee")
        .annotate(given_back_fen=Sum("refunds__amount_fen", default=0))
        .order_by("-pk")[:LATEST]
    )
    words = dict(Channel.choices)
    return Table(
        _("Online payments"),
        [_("time"), _("payee"), _("place"), _("channel"), _("amount"), _("given back")],
        [
            [at(payment.occurred_at), payment.payee.name or payment.payee.code, payment.place,
             words.get(payment.channel, payment.channel), yuan(payment.amount_fen), yuan(payment.given_back_fen)]
            for payment in payments
        ],
        columns(4, 5),
    )  # fmt: skip


def _passes(card: Card) -> Table:
    return Table(
        _("Passes"),
        [_("number"), _("product"), _("state"), _("first day"), _("last day"), _("rides left"), _("price"), _("unused")],
        [
            [link(held), held.product.name, Pass.State(held.state).label, held.starts_on, held.ends_on,
             _("any number") if held.rides_left is None else held.rides_left, yuan(held.price_fen), yuan(held.unused_fen)]
            for held in card_passes(card)
        ],
        columns(5, 6, 7),
    )  # fmt: skip


def _mandates(card: Card) -> Table:
    mandates = Mandate.objects.filter(purse__card=card).select_related("purse").order_by("-pk")
    return Table(
        _("Automatic top-up"),
        [_("reference"), _("purse"), _("bank"), _("amount"), _("collected below"), _("at most in a day"),
         _("at most in a month"), _("state")],
        [
            [link(mandate), mandate.purse.get_kind_display(), mandate.bank or "–", yuan(mandate.amount_fen),
             yuan(mandate.threshold_fen), yuan(mandate.day_cap_fen), yuan(mandate.month_cap_fen),
             mandate.get_state_display()]
            for mandate in mandates
        ],
        columns(3, 4, 5, 6),
    )  # fmt: skip


def _family(card: Card) -> Table:
    links = (
        FamilyLink.objects.filter(Q(payer=card.citizen_id) | Q(member=card.citizen_id))
        .select_related("payer", "member")
        .order_by("-pk")
        if card.citizen_id
        else FamilyLink.objects.none()
    )
    return Table(
        _("Family"),
        [_("payer"), _("member"), _("state"), _("payer sees the balance"), _("joined at"), _("ended at")],
        [
            [each.payer.name_mask, each.member.name_mask, each.get_state_display(),
             _("yes") if each.sees_balance else _("no"), at(each.joined_at), at(each.ended_at)]
            for each in links
        ],
    )  # fmt: skip
