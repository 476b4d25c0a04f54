"""Replacing a card: the new one is ordered at once, passes go with it, and the money follows when late taps have arrived.

The shadow balance decides, never what a chip shows. The money goes the way of everything that is given to a card: by paid
orders of a channel of their own, into the account purse at once, onto the chip at the next reader.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from accounts import locks
from accounts.errors import IllegalReplacementStep, NotReplaceable
from accounts.models import Card, CardDamage, Chart, Notice, Pass, Purse, Replacement, TopUpOrder
from accounts.selectors.deposits import deposit_held_fen
from accounts.selectors.refund_blockers import PASSING, Blocking
from accounts.selectors.refund_quote import quote_refund
from accounts.services import postings
from accounts.services.cards import close_replaced, mark_replaced, order_card
from accounts.services.concessions import hand_over_concessions
from accounts.services.deposits import return_deposit
from accounts.services.expiry import REMIND_DAYS
from accounts.services.ledger import post_journal
from accounts.services.notices import notify
from accounts.services.orders import receive_money
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError
from citizencard.core.masks import mask_card
from citizencard.core.money import format_yuan
from citizencard.core.states import lock_row, step_to

logger = logging.getLogger(__name__)
Cause, State = Replacement.Cause, Replacement.State
SWEEPER: Final = "replacements"
RENEWED_FROM: Final = timedelta(days=REMIND_DAYS[0])
"""A card is exchanged for its age from the first reminder on."""
_HOLDS_UP: Final = PASSING - {Blocking.REPLACING}
"""What the card before still owes the old one follows it to the last card by itself."""
_FROM: Final = {
    Cause.LOST: (Card.State.LOST,),
    Cause.DAMAGED: (Card.State.ISSUED, Card.State.ACTIVE),
    Cause.EXPIRED: (Card.State.ISSUED, Card.State.ACTIVE),
}


def require_replaceable(card: Card, cause: str, on: date) -> None:
    """Raises NotReplaceable."""
    why = Cause(cause)
    if card.state not in _FROM[why] or (why == Cause.EXPIRED and card.valid_to > on + RENEWED_FROM):
        raise NotReplaceable(state=card.get_state_display(), cause=why.label)


def replacement_fee_fen(card: Card, cause: str) -> int:
    """The product's price where the holder has lost or damaged the card, in fen, and nothing otherwise: a card with money on it
    must be exchanged (支付机构预付卡业务管理办法).
    """
    to_blame = cause == Cause.LOST or CardDamage.objects.filter(card=card).exists()
    return card.product.price_fen if to_blame else 0


@transaction.atomic
def replace_card(
    *, card: Card, cause: str, actor: str, occurred_at: datetime, new: Card | None = None
) -> Replacement:
    """A card of the same product takes the place of `card`, which is out of use from now on; again, the same one. Audited.

    It is `new`, a blank one of the same holder, or else ordered now. Raises NotReplaceable, and what `order_card` raises.
    """
    why = Cause(cause)
    current = locks.lock_card(card.pk)
    if known := Replacement.objects.filter(old=current).first():
        return known
    on = shanghai(occurred_at).date()
    require_replaceable(current, why, on)
    quote = quote_refund(card=current, on=on)
    current = mark_replaced(card=current, actor=actor, reason=why.value, occurred_at=occurred_at)
    new = new or order_card(
        product=current.product, citizen=current.citizen, actor=actor, valid_from=on, occurred_at=occurred_at
    )
    replacement = Replacement.objects.create(
        old=current,
        new=new,
        cause=why,
        fee_fen=replacement_fee_fen(current, why),
        due_on=quote.due_on,
        requested_by=actor,
        requested_at=occurred_at,
    )
    Pass.objects.filter(card=current, state=Pass.State.ACTIVE).update(card=new)
    _take_unwritten(current, new)
    hand_over_concessions(of=current, to=new, actor=actor, reason="card replaced")
    if current.citizen_id:
        names = {"card": mask_card(current.pan), "new": mask_card(new.pan)}
        notify(current.citizen_id, Notice.Code.CARD_REPLACED, due=quote.due_on.isoformat(), **names)
    record_audit(
        actor=actor,
        action="card.replace",
        subject=f"card:{current.pan}",
        detail={"new": new.pan, "cause": why, "due_on": quote.due_on, "fee_fen": replacement.fee_fen},
    )
    return replacement


@transaction.atomic
def move_money(*, replacement: Replacement, actor: str, occurred_at: datetime) -> Replacement:
    """Everything the old card holds becomes the new one's, the deposit too; again is no change. Audited.

    Nothing moves before `due_on`, before the new card is in the holder's hand, or while something is under way on the old one.
    """
    old, new = _both(replacement)
    current = lock_row(replacement)
    if current.state == State.MOVED or not _may_move(current, old, new, occurred_at):
        return current
    purses = locks.lock_purses(old.pk)
    held = {purse.kind: purse.balance_fen for purse in purses}
    chip_fen, account_fen = held[Purse.Kind.CHIP], held.get(Purse.Kind.ACCOUNT, 0)
    deposit_fen = _free_deposit(old, -min(chip_fen, 0), actor, occurred_at)
    if legs := postings.card_replaced(
        amounts=[(purse, purse.balance_fen) for purse in purses], occurred_at=occurred_at
    ):
        post_journal(
            key=f"card-replaced:{old.pan}", kind="card_replaced", actor=actor, source=old.pan, legs=legs
        )
    with step_to(State.MOVED, IllegalReplacementStep):
        current.move(chip_fen=chip_fen, account_fen=account_fen, deposit_fen=deposit_fen, at=occurred_at)
    current.save(update_fields=["state", "chip_fen", "account_fen", "deposit_fen", "moved_at"])
    for what, kind, fen in _shares(chip_fen, account_fen, deposit_fen):
        _give(old, new, what, kind, fen, actor, occurred_at)
    close_replaced(card=old, actor=actor, reason=current.cause, occurred_at=occurred_at)
    total_fen = chip_fen + account_fen + deposit_fen
    if old.citizen_id and total_fen:
        notify(
            old.citizen_id, Notice.Code.MONEY_FOLLOWED, amount=format_yuan(total_fen), card=mask_card(new.pan)
        )
    record_audit(
        actor=actor,
        action="card.money_follows",
        subject=f"card:{old.pan}",
        detail={"new": new.pan, "fen": total_fen},
    )
    return current


def move_due(*, now: datetime) -> int:
    """Move what is due, each in a transaction of its own; how many moved. For the sweeper."""
    due = Replacement.objects.filter(state=State.WAITING, due_on__lte=shanghai(now).date()).order_by("pk")
    return sum(_moved(each, now) for each in due)


def _moved(replacement: Replacement, now: datetime) -> bool:
    """One that cannot be moved does not hold up the others."""
    try:
        moved = move_money(replacement=replacement, actor=SWEEPER, occurred_at=now)
        return bool(moved.state == State.MOVED)
    except CitizenCardError as refusal:
        logger.error("replacement %s: %s", replacement.pk, refusal.code)
        return False


def _both(replacement: Replacement) -> tuple[Card, Card]:
    """The old card and the one in the holder's hand, under lock, in one order: the new one may have been replaced in its turn."""
    last = replacement.new_id
    while further := Replacement.objects.filter(old_id=last).values_list("new_id", flat=True).first():
        last = further
    held = {pk: locks.lock_card(pk) for pk in sorted((replacement.old_id, last))}
    return held[replacement.old_id], held[last]


def _may_move(replacement: Replacement, old: Card, new: Card, now: datetime) -> bool:
    today = shanghai(now).date()
    if replacement.due_on > today or new.state not in (Card.State.ISSUED, Card.State.ACTIVE):
        return False
    return not any(blocker.kind in _HOLDS_UP for blocker in quote_refund(card=old, on=today).blockers)


def _free_deposit(old: Card, overdrawn_fen: int, actor: str, occurred_at: datetime) -> int:
    """The deposit less damage, on its way between the cards; in fen. What a ride has overdrawn is made good before damage."""
    held_fen = deposit_held_fen(old)
    if not held_fen:
        return 0
    damage = CardDamage.objects.filter(card=old).first()
    damage_fen = min(damage.amount_fen, max(held_fen - overdrawn_fen, 0)) if damage else 0
    return_deposit(
        card=old, to=Chart.CARDS_REPLACED, actor=actor, occurred_at=occurred_at, damage_fen=damage_fen
    )
    return held_fen - damage_fen


def _shares(chip_fen: int, account_fen: int, deposit_fen: int) -> list[tuple[str, str, int]]:
    """What goes where: each purse's own, and the deposit apart, for a full chip has no room for it until something is spent.

    What was overdrawn is made good of the deposit first.
    """
    short_fen = -min(chip_fen, 0)
    of_deposit = min(short_fen, deposit_fen)
    parts = (
        ("chip", Purse.Kind.CHIP, max(chip_fen, 0)),
        ("deposit", Purse.Kind.CHIP, deposit_fen - of_deposit),
        ("account", Purse.Kind.ACCOUNT, account_fen - (short_fen - of_deposit)),
    )
    return [part for part in parts if part[2] > 0]


def _give(
    old: Card, new: Card, what: str, kind: str, amount_fen: int, actor: str, occurred_at: datetime
) -> None:
    order = TopUpOrder.objects.create(
        number=f"RP{shanghai(occurred_at):%Y%m%d}{old.pk:012d}{what[0].upper()}",
        request_key=f"replaced:{old.pk}:{what}",
        card=new,
        purse=locks.lock_purse(new.pk, kind),
        amount_fen=amount_fen,
        channel=TopUpOrder.Channel.REPLACED,
        actor=actor,
        occurred_at=occurred_at,
    )
    receive_money(order, actor=actor)


def _take_unwritten(old: Card, new: Card) -> None:
    """Paid for and never begun on the old chip: the new one takes it. One begun and not proved waits for somebody to look."""
    paid = TopUpOrder.objects.filter(card=old, purse__kind=Purse.Kind.CHIP, state=TopUpOrder.State.PAID)
    paid.update(card=new, purse=locks.lock_purse(new.pk))
