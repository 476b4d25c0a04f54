"""Concessions: granted on a proof, renewed at the yearly check, withdrawn; and their holders told before they end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import ConcessionHeld, ConcessionOver
from accounts.models import Card, Citizen, Concession, Notice
from accounts.models.concessions import PROOF_DAYS_MAX
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField

REMIND_DAYS: Final = (30, 14, 1)
"""How many days before the end its holder is told."""
_CATEGORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Each once: a notice names its concession and how many days were left.
_REMIND: Final = """
INSERT INTO accounts_notice (citizen_id, code, data, created_at)
SELECT coalesce(concession.citizen_id, card.citizen_id), %(code)s, jsonb_build_object('concession', concession.id::text,
    'category', concession.category, 'date', concession.valid_until::text, 'days', asked.days::text), now()
FROM unnest(%(days)s::int[]) AS asked (days)
    JOIN accounts_concession AS concession ON concession.valid_until = %(today)s::date + asked.days
    LEFT JOIN accounts_card AS card ON card.id = concession.card_id
WHERE concession.withdrawn_at IS NULL AND coalesce(concession.citizen_id, card.citizen_id) IS NOT NULL
    AND NOT EXISTS (SELECT FROM accounts_concession AS next WHERE next.renews_id = concession.id)
    AND NOT EXISTS (
        SELECT FROM accounts_notice AS told
        WHERE told.citizen_id = coalesce(concession.citizen_id, card.citizen_id) AND told.code = %(code)s
            AND told.data ->> 'concession' = concession.id::text AND told.data ->> 'days' = asked.days::text)
"""


@transaction.atomic
def grant_concession(
    *,
    category: str,
    valid_from: date,
    proof: str,
    legal_basis: str,
    checked_by: str,
    valid_until: date | None = None,
    citizen: Citizen | None = None,
    card: Card | None = None,
) -> Concession:
    """A category proved by a citizen, or for a card that is nobody's; a year where no end is given. Audited.

    A real-name card's concession is its holder's. `proof` refers to what was seen and holds no personal data. Raises
    InvalidField, ConcessionHeld (the same category at the same time).
    """
    if card is not None and card.citizen_id is not None:
        citizen, card = card.citizen, None
    if (citizen is None) == (card is None):
        raise InvalidField("citizen", _("name a citizen or a card"))
    concession = Concession(
        citizen=citizen,
        card=card,
        category=category,
        valid_from=valid_from,
        valid_until=valid_until or valid_from + timedelta(days=PROOF_DAYS_MAX - 2),
        proof=proof.strip(),
        legal_basis=legal_basis.strip(),
        checked_by=checked_by,
    )
    return _kept(concession, "concession.grant")


@transaction.atomic
def renew_concession(
    *, concession: Concession, proof: str, checked_by: str, valid_until: date | None = None
) -> Concession:
    """The check has been passed again: the next proof, from the day after the last, or from today if that is gone. Audited.

    Raises ConcessionOver for one that was withdrawn, ConcessionHeld when it was renewed already, InvalidField.
    """
    concession = Concession.objects.get(pk=concession.pk)
    if concession.withdrawn_at is not None:
        raise ConcessionOver(category=concession.category)
    valid_from = max(concession.valid_until + timedelta(days=1), _today())
    renewal = Concession(
        citizen_id=concession.citizen_id,
        card_id=concession.card_id,
        category=concession.category,
        valid_from=valid_from,
        valid_until=valid_until or valid_from + timedelta(days=PROOF_DAYS_MAX - 2),
        proof=proof.strip(),
        legal_basis=concession.legal_basis,
        checked_by=checked_by,
        renews=concession,
    )
    return _kept(renewal, "concession.renew")


@transaction.atomic
def hand_over_concessions(*, of: Citizen | Card, to: Citizen | Card, actor: str, reason: str) -> None:
    """A proof never changes: what `of` has ends for `reason`, and `to` gets one of the same facts, unless they have it. Audited."""
    holder = {"citizen": to} if isinstance(to, Citizen) else {"card": to}
    for each in of.concessions.filter(withdrawn_at=None).order_by("pk"):
        held = to.concessions.filter(
            category=each.category, withdrawn_at=None,
            valid_from__lte=each.valid_until, valid_until__gte=each.valid_from,
        )  # fmt: skip
        if not held.exists():
            grant_concession(
                **holder,
                category=each.category,
                valid_from=each.valid_from,
                valid_until=each.valid_until,
                proof=each.proof,
                legal_basis=each.legal_basis,
                checked_by=each.checked_by,
            )
        withdraw_concession(concession=each, actor=actor, reason=reason)


@transaction.atomic
def withdraw_concession(
    *, concession: Concession, actor: str, reason: str, on: date | None = None
) -> Concession:
    """It holds no more from `on`, today where no date is given; doing so again changes nothing. Audited.

    Never before today: who relied on it is not charged afterwards. Raises InvalidField.
    """
    concession = Concession.objects.select_related("citizen", "card").get(pk=concession.pk)
    if concession.withdrawn_at is not None:
        return concession
    first, today = on or _today(), _today()
    if first < today:
        raise InvalidField("withdrawn_on", _("not before today"))
    concession.withdrawn_on, concession.withdrawn_at = first, timezone.now()
    concession.withdrawn_by, concession.withdrawn_reason = actor, reason
    fields = ["withdrawn_on", "withdrawn_at", "withdrawn_by", "withdrawn_reason"]
    concession.save(update_fields=fields)
    _audit(concession, "concession.withdraw", actor, reason=reason, withdrawn_on=first)
    return concession


def remind_holders(*, today: date, days: Sequence[int] = REMIND_DAYS) -> int:
    """Tell holders whose concession ends in so many days and was not renewed; how many were told. Each is told once."""
    values: dict[str, Any] = {"code": Notice.Code.CONCESSION_ENDS.value, "days": list(days), "today": today}
    with connection.cursor() as cursor:
        cursor.execute(_REMIND, values)
        return int(cursor.rowcount)


def _kept(concession: Concession, action: str) -> Concession:
    _check(concession)
    try:
        with transaction.atomic():
            concession.save(force_insert=True)
    except IntegrityError as error:
        raise ConcessionHeld(category=concession.category) from error
    _audit(concession, action, concession.checked_by, proof=concession.proof)
    return concession


def _check(concession: Concession) -> None:
    if not _CATEGORY.fullmatch(concession.category):
        raise InvalidField("category", concession.category)
    last = concession.valid_from + timedelta(days=PROOF_DAYS_MAX - 1)
    if not concession.valid_from <= concession.valid_until <= last:
        raise InvalidField("valid_until", _("from the first day to a year later: then it is checked again"))
    for name in ("proof", "legal_basis"):
        if not getattr(concession, name):
            raise InvalidField(name, _("must be given"))


def _today() -> date:
    return shanghai(timezone.now()).date()


def _audit(concession: Concession, action: str, actor: str, **detail: object) -> None:
    span = {"valid_from": concession.valid_from, "valid_until": concession.valid_until}
    holder = f"citizen:{concession.citizen_id}" if concession.citizen_id else f"card:{concession.card_id}"
    record_audit(
        actor=actor, action=action, subject=holder, detail={"category": concession.category, **span, **detail}
    )
