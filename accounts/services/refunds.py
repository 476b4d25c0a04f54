"""A card's money back: requested, waited for, approved by a second person, paid in parts.

From the request on the card is blocked and its money stays in its purses, so that late taps still reduce it. The approval
fixes the amounts from the ledger's balance of that moment, moves them to what is owed (2032) and ends the card's life;
`refund_payout` brings them to their payees. What happens while a refund waits is in `refund_waiting`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import CardTampered, IllegalRefundTransition, RefundBlocked, SelfApproval
from accounts.models import Card, Chart, Refund, RefundPolicy
from accounts.selectors.chip_evidence import ChipReading
from accounts.selectors.refund_blockers import PASSING, WAITING, Blocker, Blocking, in_words
from accounts.selectors.refund_quote import RefundQuote, quote_refund
from accounts.services import postings
from accounts.services.cards import block_for_refund, close_refunded, resume_card
from accounts.services.deposits import return_deposit
from accounts.services.ledger import AMOUNT_MAX_FEN, post_journal
from accounts.services.refund_payout import check_payee, divide_refund, gateway_sources
from accounts.services.refund_waiting import go_on, quote_standing, refuse_tampered
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.states import step_to

State = Refund.State

_NO_REFUND_AT_ALL: Final = frozenset({Blocking.CARD_STATE, Blocking.NO_POLICY})
_STANDING: Final = (*Refund.BLOCKING, State.APPROVED, State.PAID, State.FAILED)


@transaction.atomic
def request_refund(
    *,
    card: Card,
    actor: str,
    reason: str,
    occurred_at: datetime,
    chip: ChipReading | None = None,
    payee: str = "",
) -> Refund:
    """Ask for everything on the card and its deposit; the card is blocked from now on. Asking again: the same refund.

    `chip` is what the card on the reader shows, if it is there; `payee` the token of a linked account, without which what
    cannot go back to its payer is paid in cash. A chip that shows what the books cannot explain is flagged and its
    refund comes back REFUSED, with nothing to pay. The card of somebody who has died is refunded to the heirs: their proof is the
    reason. Raises RefundBlocked (naming the rule), CardTampered (flagged before), InvalidField. `terminals.services.refunds` does this with the hot list.
    """
    check_payee(payee)
    card = locks.lock_card(card.pk)
    standing = card.refunds.filter(state__in=_STANDING).first()
    if standing is not None:
        return standing
    locks.lock_purses(card.pk)
    quote = quote_refund(card=card, on=shanghai(occurred_at).date(), chip=chip)
    policy = _admissible(quote)
    if quote.terms.inherited and not reason.strip():
        raise InvalidField("reason", _("the heirs' proof, such as the number of the notary's certificate"))
    refund = Refund(
        number=f"RF{shanghai(occurred_at):%Y%m%d}{secrets.token_hex(6).upper()}",
        card=card,
        policy=policy,
        card_state=card.state,
        reason=reason,
        payee=payee,
        requested_by=actor,
        requested_at=occurred_at,
    )
    if chip is not None:
        refund.chip_balance_fen, refund.chip_atc = chip.balance_fen, chip.offline_atc
        refund.chip_read_at = chip.read_at
    refund.save()
    block_for_refund(card=card, actor=actor, reason=refund.number, occurred_at=occurred_at)
    go_on(refund, quote, occurred_at)
    refund.save()
    record_audit(
        actor=actor,
        action="refund.request",
        subject=f"refund:{refund.number}",
        detail={"card": card.pan, "state": refund.state},
    )
    return refund


@transaction.atomic
def approve_refund(
    *,
    refund: Refund,
    actor: str,
    occurred_at: datetime,
    interest_fen: int = 0,
    interest_reason: str = "",
) -> Refund:
    """A second person agrees: amounts fixed by the ledger of this moment, money owed, parts made, the card's life ended.

    `interest_fen` is due where the operator is at fault, with the reason why. A chip that turns out to have shown too
    much, now that late taps are in, makes the refund REFUSED instead. Audited. Raises SelfApproval,
    IllegalRefundTransition, RefundBlocked, CardTampered, PayeeMissing, InvalidField; then nothing has changed.
    """
    _check_interest(interest_fen, interest_reason)
    card = locks.lock_card(refund.card_id)
    current = locks.lock_refund(refund.pk)
    if current.requested_by == actor:
        raise SelfApproval
    sources = gateway_sources(card)
    purses = locks.lock_purses(card.pk)
    quote = quote_standing(current, interest_fen=interest_fen)
    if current.state == State.DUE and quote.evidence.tampered:
        refuse_tampered(current, quote.evidence.tampered, occurred_at)
        current.save()
        return current
    with step_to(State.APPROVED, IllegalRefundTransition):
        current.approve()
    if blocker := quote.blocker(ignoring=WAITING):
        raise _refusal(blocker)
    _fix_amounts(current, quote)
    current.decided_by, current.decided_at, current.decision_reason = actor, occurred_at, interest_reason
    current.save()
    return_deposit(
        card=card,
        to=Chart.REFUNDS_PAYABLE,
        actor=actor,
        occurred_at=occurred_at,
        damage_fen=quote.amounts.damage_fen,
    )
    if legs := postings.refund_owed(refund=current, purses=purses, occurred_at=occurred_at):
        post_journal(
            key=f"refund-owed:{current.number}",
            kind="refund_owed",
            actor=actor,
            source=current.number,
            legs=legs,
            reason=interest_reason,
        )
    divide_refund(refund=current, sources=sources, no_cash=quote.no_cash, actor=actor, now=occurred_at)
    close_refunded(card=card, actor=actor, reason=current.number, occurred_at=occurred_at)
    record_audit(
        actor=actor,
        action="refund.approve",
        subject=f"refund:{current.number}",
        detail={"payable_fen": current.payable_fen, "interest_fen": interest_fen, "reason": interest_reason},
    )
    return current


@transaction.atomic
def withdraw_refund(*, refund: Refund, actor: str, reason: str, occurred_at: datetime) -> Refund:
    """The holder keeps the card: it is what it was before. Raises IllegalRefundTransition once approved, CardAlreadyHeld."""
    return _end(refund, Refund.withdraw, State.WITHDRAWN, actor=actor, reason=reason, occurred_at=occurred_at)


@transaction.atomic
def refuse_refund(*, refund: Refund, actor: str, reason: str, occurred_at: datetime) -> Refund:
    """An officer says no, with a reason; the card is what it was before. Raises as `withdraw_refund`, and InvalidField."""
    if not reason:
        raise InvalidField("reason", _("a refusal has a reason"))
    return _end(refund, Refund.refuse, State.REFUSED, actor=actor, reason=reason, occurred_at=occurred_at)


def _admissible(quote: RefundQuote) -> RefundPolicy:
    """The policy a request goes by. Raises RefundBlocked or CardTampered for what neither time nor the system clears up.

    What the chip itself shows is no reason to raise: it has to be kept.
    """
    ignored = frozenset(Blocking) - _NO_REFUND_AT_ALL if quote.evidence.tampered else PASSING | WAITING
    if blocker := quote.blocker(ignoring=ignored):
        raise _refusal(blocker)
    if quote.policy is None:  # has its blocker
        raise RefundBlocked(blocker=Blocking.NO_POLICY, reason="", legal_basis="")
    return quote.policy


def _refusal(blocker: Blocker) -> RefundBlocked | CardTampered:
    if blocker.kind == Blocking.TAMPERED:
        return CardTampered()
    return RefundBlocked(
        blocker=blocker.kind.value, reason=in_words(blocker), legal_basis=blocker.rule, until=blocker.until
    )


def _end(
    refund: Refund,
    step: Callable[[Refund], None],
    target: Refund.State,
    *,
    actor: str,
    reason: str,
    occurred_at: datetime,
) -> Refund:
    card = locks.lock_card(refund.card_id)
    current = locks.lock_refund(refund.pk)
    with step_to(target, IllegalRefundTransition):
        step(current)
    current.decided_by, current.decided_at, current.decision_reason = actor, occurred_at, reason
    current.save()
    resume_card(
        card=card,
        state=current.card_state,
        actor=actor,
        reason=current.number,
        occurred_at=occurred_at,
    )
    record_audit(
        actor=actor,
        action=f"refund.{target.value}",
        subject=f"refund:{current.number}",
        detail={"reason": reason},
    )
    return current


def _fix_amounts(refund: Refund, quote: RefundQuote) -> None:
    amounts = quote.amounts
    refund.balance_fen, refund.price_fen = amounts.balance_fen, amounts.price_fen
    refund.deposit_fen, refund.damage_fen = amounts.deposit_fen, amounts.damage_fen
    refund.fee_fen, refund.interest_fen = amounts.fee_fen, amounts.interest_fen
    refund.payable_fen = amounts.payable_fen


def _check_interest(interest_fen: int, reason: str) -> None:
    if type(interest_fen) is not int or not 0 <= interest_fen <= AMOUNT_MAX_FEN:
        raise InvalidField("interest_fen", _("a number of fen, not below zero"))
    if interest_fen and not reason:
        raise InvalidField("interest_reason", _("interest is paid for a reason"))
