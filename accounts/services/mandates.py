"""Direct-debit mandates: asked for, agreed to at the bank, stopped. What is collected on them is in `direct_debit`.

The bank side is the gateway's: it knows account and number, we keep its references, the bank's name and four digits. A
credit card is no source (支付机构预付卡业务管理办法): the gateway says what is behind a mandate before it becomes active.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import (
    BalanceLimitExceeded,
    GatewayError,
    GatewayUnavailable,
    IllegalMandateTransition,
    MandateExists,
    NotTheHolder,
)
from accounts.gateway import configured_gateway
from accounts.gateway.port import MandateSetup, MandateStatus
from accounts.models import Card, Citizen, Consent, Mandate, Notice, Purse
from accounts.services.citizens import give_consent
from accounts.services.levels import Operation, require_level
from accounts.services.notices import notify
from accounts.services.orders import require_active
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.masks import mask_card
from citizencard.core.money import format_yuan

State, StopReason = Mandate.State, Mandate.StopReason
REQUEST_VALID: Final = timedelta(days=1)
"""How long a citizen may take to agree at the bank."""
SOURCES: Final = ("", "debit")
"""What may be behind a mandate: a bank account (the gateway names no funding) or a debit card."""
_log = logging.getLogger(__name__)


@transaction.atomic
def request_mandate(
    *,
    citizen: Citizen,
    purse: Purse,
    amount_fen: int,
    threshold_fen: int,
    day_cap_fen: int,
    month_cap_fen: int,
    actor: str,
    occurred_at: datetime,
) -> Mandate:
    """A citizen wants `amount_fen` collected whenever their purse has less than `threshold_fen`; recorded as consent.

    An earlier request for the purse that was never agreed to is given up. Raises NotTheHolder, CardNotActive,
    LevelTooLow, InvalidField (amounts, caps), BalanceLimitExceeded (threshold and amount are more than the purse may hold),
    MandateExists.
    """
    _check_amounts(amount_fen, threshold_fen, day_cap_fen, month_cap_fen)
    require_level(citizen, Operation.MANDATE)
    give_consent(citizen=citizen, purpose=Consent.Purpose.MANDATE, actor=actor)
    card = locks.lock_card(purse.card_id)
    if card.citizen_id != citizen.pk:
        raise NotTheHolder
    require_active(card)
    most_fen = threshold_fen + amount_fen
    if most_fen > purse.ceiling_fen:
        limit_fen = purse.ceiling_fen
        raise BalanceLimitExceeded(limit_fen=limit_fen, balance_fen=most_fen, limit=format_yuan(limit_fen))
    for earlier in locks.lock_live_mandates(card.pk):
        if earlier.purse_id != purse.pk:
            continue
        if earlier.state == State.ACTIVE:
            raise MandateExists
        stop_locked(earlier, reason=StopReason.CITIZEN, occurred_at=occurred_at)
    return Mandate.objects.create(
        reference=f"MD{shanghai(occurred_at):%Y%m%d}{secrets.token_hex(6).upper()}",
        citizen=citizen,
        purse=purse,
        amount_fen=amount_fen,
        threshold_fen=threshold_fen,
        day_cap_fen=day_cap_fen,
        month_cap_fen=month_cap_fen,
        requested_at=occurred_at,
    )


def start_mandate(*, mandate: Mandate) -> str:
    """The client secret with which the citizen agrees at the gateway; the same one when called again.

    Raises IllegalMandateTransition (agreed or stopped), GatewayError, GatewayUnavailable.
    """
    mandate = Mandate.objects.get(pk=mandate.pk)
    if mandate.state != State.REQUESTED:
        raise IllegalMandateTransition(source=State(mandate.state).label, target=State.ACTIVE.label)
    setup = configured_gateway().start_mandate(
        reference=mandate.reference, customer_ref=mandate.citizen_id.hex
    )
    with transaction.atomic():
        mandate = locks.lock_mandate(mandate.pk)
        mandate.setup_id = setup.id
        mandate.save(update_fields=["setup_id"])
    return setup.client_secret


def confirm_mandate(*, mandate: Mandate, now: datetime) -> Mandate:
    """Ask the gateway how a request stands: active, or stopped if it was refused, is too old, or a credit card is behind it.

    Any other mandate is returned as it is. Raises GatewayError, GatewayUnavailable.
    """
    mandate = Mandate.objects.get(pk=mandate.pk)
    if mandate.state != State.REQUESTED:
        return mandate
    setup = configured_gateway().retrieve_mandate(mandate.setup_id) if mandate.setup_id else None
    with transaction.atomic():
        current = locks.lock_mandate(mandate.pk)
        if current.state == State.REQUESTED:
            _decide(current, setup, now)
    return current


def confirm_requests(*, now: datetime) -> None:
    """Ask about every open request, for citizens who did not come back and call-backs that were lost."""
    for mandate in Mandate.objects.filter(state=State.REQUESTED).order_by("pk"):
        try:
            confirm_mandate(mandate=mandate, now=now)
        except (GatewayError, GatewayUnavailable) as error:
            _log.warning("mandate %s: %s, asked again later", mandate.reference, error.code)


@transaction.atomic
def stop_mandate(*, mandate: Mandate, actor: str, occurred_at: datetime, reason: str = "") -> Mandate:
    """The citizen's switch: from now on nothing is collected. A repeat changes nothing. Audited.

    The consent goes with the last mandate that stood on it. `reason` is given where staff do it for the citizen.
    """
    locks.lock_citizen(mandate.citizen_id)
    current = locks.lock_mandate(mandate.pk)
    if current.state == State.STOPPED:
        return current
    stop_locked(current, reason=StopReason.CITIZEN, occurred_at=occurred_at)
    if not Mandate.objects.filter(citizen_id=current.citizen_id).exclude(state=State.STOPPED).exists():
        Consent.objects.filter(
            citizen_id=current.citizen_id, purpose=Consent.Purpose.MANDATE, withdrawn_at=None
        ).update(withdrawn_at=timezone.now())
    detail = {"reason": reason} if reason else None
    record_audit(actor=actor, action="mandate.stop", subject=f"mandate:{current.reference}", detail=detail)
    return current


def stop_for_card(*, card: Card, reason: Mandate.StopReason, occurred_at: datetime) -> None:
    """Stop every mandate of a locked card, in the transaction that takes the card out of use."""
    for mandate in locks.lock_live_mandates(card.pk):
        stop_locked(mandate, reason=reason, occurred_at=occurred_at)


def note_mandate(setup: MandateSetup) -> None:
    """The gateway reports a mandate, inside the caller's transaction: one that has ended stops.

    One that was agreed to becomes active through `confirm_mandate`, because the report does not say what is behind it.
    """
    if setup.status is not MandateStatus.ENDED:
        return
    known = {"reference": setup.reference} if setup.reference else {"gateway_mandate": setup.mandate}
    found = Mandate.objects.filter(**known).exclude(state=State.STOPPED).values_list("pk", flat=True)
    for pk in found if any(known.values()) else ():
        mandate = locks.lock_mandate(pk)
        if mandate.state != State.STOPPED:
            stop_locked(mandate, reason=StopReason.WITHDRAWN, occurred_at=timezone.now())


def stop_locked(mandate: Mandate, *, reason: Mandate.StopReason, occurred_at: datetime) -> None:
    """Stop a locked mandate that is not stopped, and tell its citizen; a request they gave up is no news to them."""
    given_up = mandate.state == State.REQUESTED and reason == StopReason.CITIZEN
    mandate.stop()
    mandate.stop_reason, mandate.stopped_at = reason, occurred_at
    mandate.save()
    if not given_up:
        tell(mandate, Notice.Code(f"mandate_stopped_{reason}"))


def tell(mandate: Mandate, code: Notice.Code) -> None:
    """A notice about a mandate to its citizen."""
    notify(
        mandate.citizen_id,
        code,
        card=mask_card(mandate.purse.card.pan),
        amount=format_yuan(mandate.amount_fen),
        bank=mandate.bank,
    )


def _decide(mandate: Mandate, setup: MandateSetup | None, now: datetime) -> None:
    """What becomes of a locked request after what the gateway said of it."""
    status = setup.status if setup else MandateStatus.PENDING
    if setup and status is MandateStatus.ACTIVE and setup.funding in SOURCES:
        mandate.gateway_method, mandate.gateway_mandate = setup.method, setup.mandate
        mandate.bank_name, mandate.last4 = setup.bank_name, setup.last4
        mandate.activate()
        mandate.activated_at = now
        mandate.save()
        tell(mandate, Notice.Code.MANDATE_ACTIVE)
    elif status is MandateStatus.ACTIVE:
        stop_locked(mandate, reason=StopReason.CREDIT, occurred_at=now)
    elif status is MandateStatus.ENDED:
        stop_locked(mandate, reason=StopReason.WITHDRAWN, occurred_at=now)
    elif now - mandate.requested_at >= REQUEST_VALID:
        stop_locked(mandate, reason=StopReason.EXPIRED, occurred_at=now)


def _check_amounts(amount_fen: int, threshold_fen: int, day_cap_fen: int, month_cap_fen: int) -> None:
    named = {
        "amount_fen": amount_fen,
        "threshold_fen": threshold_fen,
        "day_cap_fen": day_cap_fen,
        "month_cap_fen": month_cap_fen,
    }
    for field, value in named.items():
        if type(value) is not int or value <= 0:
            raise InvalidField(field, _("must be a positive number of fen"))
    if not amount_fen <= day_cap_fen <= month_cap_fen:
        raise InvalidField("day_cap_fen", _("must be at least the amount and at most the cap of the month"))
