"""What a card's holder would get back today, line by line, and what still stands against it.

The ledger's shadow balance is what is paid. The chip can only take away: one that shows less, or counts more purchases than
have arrived, makes the refund wait for late taps; one that shows more than the books can explain gets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Card, CardDamage, Purse, RefundPolicy, Transfer
from accounts.selectors.chip_evidence import ChipEvidence, ChipReading, weigh_chip
from accounts.selectors.deposits import deposit_held_fen
from accounts.selectors.refund_blockers import (
    SHADOW_BALANCE,
    Blocker,
    Blocking,
    Terms,
    blockers_of_facts,
    blockers_of_rules,
    no_cash,
    unmatched,
)
from citizencard.core.calendar import shanghai

_PREPAID: Final = "最高人民法院关于审理预付式消费民事纠纷案件适用法律若干问题的解释（法释〔2025〕4号）"
NO_REASON_RULE: Final = f"{_PREPAID}第十四条"
"""Seven days in which a prepaid card may be given back without a reason."""
INTEREST_RULE: Final = f"{_PREPAID}第十五条至第十七条"
"""Interest on what is paid back late, by the loan prime rate where the operator is at fault."""
DEPOSIT_RULE: Final = gettext_noop("a deposit is returned in full unless damage is on record")


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of the formula: signed fen, and the rule behind it."""

    label: str
    amount_fen: int
    rule: str


@dataclass(frozen=True, slots=True)
class RefundAmounts:
    """What the formula is made of, in fen. Only the balance may be below zero, after a ride on overdraft."""

    balance_fen: int
    held_fen: int
    price_fen: int
    deposit_fen: int
    damage_fen: int
    fee_fen: int
    interest_fen: int

    @property
    def payable_fen(self) -> int:
        """Balance − held + price + deposit − damage − fee + interest; never below zero."""
        owned_fen = self.balance_fen - self.held_fen + self.price_fen + self.deposit_fen
        return max(0, owned_fen - self.damage_fen - self.fee_fen + self.interest_fen)


@dataclass(frozen=True, slots=True)
class RefundQuote:
    """The formula, what stands against it, and the day from which it can be paid."""

    terms: Terms
    amounts: RefundAmounts
    evidence: ChipEvidence
    blockers: tuple[Blocker, ...]
    due_on: date
    no_cash: Blocker | None
    """Why the payout is not in cash; None where cash is possible."""

    @property
    def policy(self) -> RefundPolicy | None:
        """The policy in force on the day of the request."""
        return self.terms.policy

    @property
    def payable_fen(self) -> int:
        """What would be paid, in fen; nothing where the chip shows what the books cannot explain."""
        return 0 if self.evidence.tampered else self.amounts.payable_fen

    @property
    def lines(self) -> tuple[QuoteLine, ...]:
        """The formula for people, without the lines that are zero."""
        amounts, basis = self.amounts, self.policy.legal_basis if self.policy else ""
        lines = (
            QuoteLine(_("balance by the books"), amounts.balance_fen, SHADOW_BALANCE),
            QuoteLine(_("reserved"), -amounts.held_fen, SHADOW_BALANCE),
            QuoteLine(_("price of the card"), amounts.price_fen, NO_REASON_RULE),
            QuoteLine(_("deposit"), amounts.deposit_fen, DEPOSIT_RULE),
            QuoteLine(_("damage"), -amounts.damage_fen, DEPOSIT_RULE),
            QuoteLine(_("fee"), -amounts.fee_fen, basis),
            QuoteLine(_("interest"), amounts.interest_fen, INTEREST_RULE),
        )
        return tuple(line for line in lines if line.amount_fen)

    def blocker(self, *, ignoring: frozenset[Blocking] = frozenset()) -> Blocker | None:
        """The first blocker that is not of a kind to ignore."""
        return next((found for found in self.blockers if found.kind not in ignoring), None)


def policy_in_force(product_id: str, on: date) -> RefundPolicy | None:
    """The product's refund policy of a day."""
    dated = RefundPolicy.objects.filter(product_id=product_id, valid_from__lte=on)
    return dated.order_by("-valid_from").first()


def quote_refund(
    *, card: Card, on: date, chip: ChipReading | None = None, interest_fen: int = 0
) -> RefundQuote:
    """What the holder gets back under the rules of `on`, the day of the request, as the books stand now. Reads only."""
    purses = list(card.purses.order_by("account_id"))
    chip_purse = next(purse for purse in purses if purse.kind == Purse.Kind.CHIP)
    evidence = weigh_chip(card=card, purse=chip_purse, reading=chip)
    terms = _terms(card, purses, evidence, on)
    amounts = _amounts(card, purses, terms, interest_fen)
    owned_fen = amounts.balance_fen + amounts.price_fen + amounts.deposit_fen
    waiting_days = terms.policy.waiting_days if terms.policy and not evidence.matched else 0
    due_on = on + timedelta(days=waiting_days)
    blockers = blockers_of_rules(card, terms, chip_read=chip is not None)
    blockers += blockers_of_facts(card, evidence, held_fen=amounts.held_fen, owned_fen=owned_fen)
    if chip is not None and not evidence.matched and not evidence.tampered:
        blockers.append(unmatched(evidence, due_on))
    against_cash = no_cash(evidence, chip_read=chip is not None, until=due_on)
    return RefundQuote(terms, amounts, evidence, tuple(blockers), due_on, against_cash)


def _terms(card: Card, purses: list[Purse], evidence: ChipEvidence, on: date) -> Terms:
    policy, bought_on = policy_in_force(card.product_id, on), _bought_on(card)
    inherited = card.citizen is not None and card.citizen.deceased_on is not None
    no_reason = False
    if policy is not None and bought_on is not None and policy.no_reason_days and not evidence.used:
        in_time = on <= bought_on + timedelta(days=policy.no_reason_days)
        no_reason = in_time and not _has_spent(purses, bought_on)
    return Terms(on, policy, bought_on, no_reason, inherited)


def _bought_on(card: Card) -> date | None:
    """The day the card was handed over; None before that."""
    handed_over = card.events.filter(target=Card.State.ISSUED).values_list("occurred_at", flat=True).first()
    return None if handed_over is None else shanghai(handed_over).date()


def _has_spent(purses: list[Purse], bought_on: date) -> bool:
    accounts = [purse.account_id for purse in purses]
    earliest = bought_on - timedelta(days=1)
    return Transfer.objects.filter(debit_id__in=accounts, business_date__gte=earliest).exists()


def _amounts(card: Card, purses: list[Purse], terms: Terms, interest_fen: int) -> RefundAmounts:
    """What is charged never makes the holder a debtor: damage out of the deposit first, the fee out of what remains."""
    balance_fen = sum(purse.balance_fen for purse in purses)
    held_fen = sum(purse.held_fen for purse in purses)
    price_fen = (card.price_fen or 0) if terms.no_reason else 0
    deposit_fen = deposit_held_fen(card)
    left_fen = max(0, balance_fen - held_fen + price_fen + deposit_fen)
    damage = CardDamage.objects.filter(card=card).first()
    damage_fen = min(damage.amount_fen if damage else 0, deposit_fen, left_fen)
    charged_fen = 0 if terms.no_reason or terms.policy is None else terms.policy.fee_fen
    fee_fen = min(charged_fen, left_fen - damage_fen)
    return RefundAmounts(balance_fen, held_fen, price_fen, deposit_fen, damage_fen, fee_fen, interest_fen)
