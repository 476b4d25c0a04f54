"""Why a card is blocked, in words for its holder, and how far an objection has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Card, CardFlag
from accounts.selectors.alerts import alert_of
from accounts.selectors.refund_blockers import SHADOW_BALANCE
from accounts.selectors.risk_words import AUTOMATED_DECISIONS, explain
from citizencard.core.money import format_yuan
from terminals.models import AppealPolicy, HotListAppeal, HotListEntry


@dataclass(frozen=True, slots=True)
class Ground:
    """One reason why a card is blocked: what was found, and by which rule."""

    title: str
    sentence: str
    legal_basis: str


@dataclass(frozen=True, slots=True)
class Block:
    """A card on the hot list on suspicion; `appeal` is the holder's objection, if there is one."""

    entry: HotListEntry
    grounds: tuple[Ground, ...]
    appeal: HotListAppeal | None


def block_of(card: Card) -> Block | None:
    """The card's present block on suspicion, or the last one if an objection has ended it; None for none."""
    entries = HotListEntry.objects.filter(pan=card.pan, cause=HotListEntry.Cause.SUSPICION).order_by(
        "-version"
    )
    entry = entries.filter(removed_at=None).first() or entries.filter(appeals__isnull=False).first()
    if entry is None:
        return None
    flags = card.flags.filter(cleared_at=None).order_by("pk") if entry.removed_at is None else []
    appeal = HotListAppeal.objects.filter(entry=entry).select_related("policy", "compensation").first()
    return Block(entry, tuple(ground_of(flag) for flag in flags), appeal)


def blocked_now() -> Exists:
    """To annotate or filter cards by: whether one is on the hot list on suspicion."""
    entries = HotListEntry.objects.filter(removed_at=None, cause=HotListEntry.Cause.SUSPICION)
    return Exists(entries.filter(pan=OuterRef("pan")))


def ground_of(flag: CardFlag) -> Ground:
    """Why a card was flagged. Names nobody and no place."""
    if alert := alert_of(flag):
        return Ground(
            str(alert.get_rule_display()),
            explain(alert),
            f"{alert.parameters.legal_basis}; {AUTOMATED_DECISIONS}",
        )
    figures = {name: format_yuan(fen) for name, fen in flag.evidence.items() if name.endswith("_fen")}
    known = {"chip_balance_fen": "?", "ledger_balance_fen": "?"} | figures
    sentence = _(
        "At the reader the chip showed %(chip_balance_fen)s yuan or a counter that ran backwards; "
        "the books have %(ledger_balance_fen)s yuan."
    )
    return Ground(str(CardFlag.Kind(flag.kind).label), sentence % known, _(SHADOW_BALANCE))


def appeal_policy(on: date) -> AppealPolicy | None:
    """The policy by which an objection of a day is decided."""
    return AppealPolicy.objects.filter(valid_from__lte=on).order_by("-valid_from").first()


def open_appeals() -> QuerySet[HotListAppeal]:
    """What waits for a decision, the most urgent first."""
    waiting = HotListAppeal.objects.filter(state=HotListAppeal.State.OPEN)
    return waiting.select_related("entry", "policy").order_by("due_on", "pk")
