"""What stands against paying a card's money out, each with its rule and, where it is known, its end."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Card, CardFlag, RefundPolicy, Replacement, TopUpOrder
from accounts.selectors.alerts import alert_of, alerts_against_payout
from accounts.selectors.chip_evidence import ChipEvidence
from accounts.selectors.disputed import outstanding_credits

SHADOW_BALANCE: Final = gettext_noop("the ledger's balance decides, not the chip's")
_REFUNDABLE: Final = (
    Card.State.ISSUED,
    Card.State.ACTIVE,
    Card.State.SUSPENDED,
    Card.State.LOST,
    Card.State.REFUNDING,
)
_UNDER_WAY: Final = (TopUpOrder.State.PAID, TopUpOrder.State.LOADED)


class Blocking(StrEnum):
    """Why a refund is not paid now; stable words."""

    CARD_STATE = "card_state"
    NO_POLICY = "no_policy"
    NOT_REDEEMABLE = "not_redeemable"
    NOT_YET = "not_yet"
    CHIP_NEEDED = "chip_needed"
    TAMPERED = "tampered"
    DEBT = "debt"
    TOP_UP_UNDER_WAY = "top_up_under_way"
    HELD = "held"
    UNMATCHED = "unmatched"
    ALERT = "alert"
    SUSPECTED = "suspected"
    CASH_LIMIT = "cash_limit"
    GREY = "grey"
    DISPUTED = "disputed"
    REPLACING = "replacing"


PASSING: Final = frozenset(
    {
        Blocking.TOP_UP_UNDER_WAY,
        Blocking.HELD,
        Blocking.ALERT,
        Blocking.GREY,
        Blocking.DISPUTED,
        Blocking.REPLACING,
    }
)
"""The system, or a person who reviews, clears these up; a requested refund waits for it."""
WAITING: Final = frozenset({Blocking.UNMATCHED})
"""Time clears these up: late taps arrive, or the waiting is over."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that stands against the refund; `until` is the day from which it no longer does, if that is known."""

    kind: Blocking
    reason: str
    rule: str = ""
    until: date | None = None


_further: list[Callable[[Card], Sequence[Blocker]]] = []


def ask_further(find: Callable[[Card], Sequence[Blocker]]) -> None:
    """Have what stands above the accounts say what it knows against paying a card out. Asked for every quote."""
    if find not in _further:
        _further.append(find)


@dataclass(frozen=True, slots=True)
class Terms:
    """Which rules apply: the policy of the day, when the card was bought, and whether it goes back without reason.

    `inherited`: the holder has died. What belongs to heirs does not wait for the product's rules.
    """

    on: date
    policy: RefundPolicy | None
    bought_on: date | None
    no_reason: bool
    inherited: bool = False


def blockers_of_rules(card: Card, terms: Terms, *, chip_read: bool) -> list[Blocker]:
    """What the card's state and the product's policy say."""
    policy, bought_on = terms.policy, terms.bought_on
    if card.state not in _REFUNDABLE or bought_on is None:
        return [Blocker(Blocking.CARD_STATE, str(Card.State(card.state).label))]
    if policy is None:
        return [Blocker(Blocking.NO_POLICY, _("the product has no refund policy"))]
    blockers = []
    opens_on = months_later(bought_on, policy.after_months)
    by_rule = not terms.no_reason and not terms.inherited
    if by_rule and not policy.redeemable:
        reason = _("the product is not redeemable")
        blockers.append(Blocker(Blocking.NOT_REDEEMABLE, reason, policy.legal_basis))
    elif by_rule and terms.on < opens_on:
        reason = _("refunds begin on %(date)s") % {"date": opens_on}
        blockers.append(Blocker(Blocking.NOT_YET, reason, policy.legal_basis, opens_on))
    if not chip_read and card.citizen_id is None:
        reason = _("an anonymous card is refunded against the card itself")
        blockers.append(Blocker(Blocking.CHIP_NEEDED, reason, policy.legal_basis))
    return blockers


def blockers_of_facts(card: Card, evidence: ChipEvidence, *, held_fen: int, owned_fen: int) -> list[Blocker]:
    """What the chip and the books say; `owned_fen` is balance, price and deposit together."""
    blockers = _of_suspicion(card, evidence)
    if owned_fen < 0:
        blockers.append(Blocker(Blocking.DEBT, _("the card owes more than its deposit")))
    orders = card.topups.filter(state__in=_UNDER_WAY).order_by("pk").values_list("number", flat=True)
    if numbers := ", ".join(orders):
        reason = _("a top-up is under way: %(orders)s") % {"orders": numbers}
        blockers.append(Blocker(Blocking.TOP_UP_UNDER_WAY, reason))
    if held_fen:
        blockers.append(Blocker(Blocking.HELD, _("part of the balance is reserved")))
    if outstanding_credits(card):
        reason = _("a dispute has credited the card, and is not over or has to be given back")
        blockers.append(Blocker(Blocking.DISPUTED, reason))
    if Replacement.objects.filter(new=card, state=Replacement.State.WAITING).exists():
        reason = _("the money of the card before is on its way to this one")
        blockers.append(Blocker(Blocking.REPLACING, reason))
    for find in _further:
        blockers += find(card)
    return blockers


def _of_suspicion(card: Card, evidence: ChipEvidence) -> list[Blocker]:
    """Flags and open alerts. None of them decides anything but that nothing is paid out meanwhile."""
    blockers = []
    flags = {flag.kind: flag for flag in card.flags.filter(cleared_at=None)}
    if evidence.tampered or CardFlag.Kind.TAMPERED in flags:
        blockers.append(Blocker(Blocking.TAMPERED, _("the chip shows what the books cannot explain")))
    if flag := flags.get(CardFlag.Kind.RISK):
        alert = alert_of(flag)
        title = alert.get_rule_display() if alert else flag.get_kind_display()
        basis = alert.parameters.legal_basis if alert else ""
        reason = _("a person has confirmed a suspicion: %(rule)s") % {"rule": title}
        blockers.append(Blocker(Blocking.SUSPECTED, reason, basis))
    for alert in alerts_against_payout(card):
        reason = _("a person has yet to look at: %(rule)s") % {"rule": alert.get_rule_display()}
        blockers.append(Blocker(Blocking.ALERT, reason, alert.parameters.legal_basis, alert.review_by))
    return blockers


def no_cash(evidence: ChipEvidence, *, chip_read: bool, until: date) -> Blocker | None:
    """Why nothing is paid in cash: not every counter is matched, as far as anybody has looked. None where it is."""
    if evidence.matched:
        return None
    if not chip_read:
        reason = _("cash is paid against the card on the reader only")
        return Blocker(Blocking.CHIP_NEEDED, reason, SHADOW_BALANCE)
    return unmatched(evidence, until)


def unmatched(evidence: ChipEvidence, until: date) -> Blocker:
    """The chip is behind the books: which counters have not arrived."""
    spans = ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in evidence.missing)
    if not spans:
        reason = _("the chip shows less than the books")
    else:
        reason = _("purchases not yet uploaded: counters %(counters)s") % {"counters": spans}
    return Blocker(Blocking.UNMATCHED, reason, SHADOW_BALANCE, until)


def in_words(blocker: Blocker) -> str:
    """What stands against it, and by when it no longer does."""
    if blocker.until is None:
        return blocker.reason
    return _("%(reason)s (until %(date)s)") % {"reason": blocker.reason, "date": blocker.until}


def months_later(day: date, months: int) -> date:
    """The same day `months` later; the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
