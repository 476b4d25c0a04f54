"""Limits: how much may be topped up, held and paid. Published as dated policy, judged by the rules of the event's date.

All rules whose scope fits apply, and the strictest one refuses. The database judges, in one call, under the lock of the
purse's row, which it keeps until the caller's transaction ends: two events at once never share the same room.

* What a top-up order asks for counts from the moment it is ordered until it is reversed, on the date it was ordered.
* A payment counts on its own date, less what was given back of it; a hold on the date it was reserved, and so does all
  that is captured of it.
* A top-up never takes a purse beyond its ceiling, whatever the policy says.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import AmountOutOfRange, BalanceLimitExceeded, LimitExceeded
from accounts.models import CardProduct, LimitPolicy, Purse
from accounts.services.ledger import AMOUNT_MAX_FEN
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.money import format_yuan
from citizencard.core.prepared import fetch_one

_Measure = LimitPolicy.Measure
_Operation = LimitPolicy.Operation
_CEILING: Final = "ceiling"
"""How the database calls the purse's own ceiling among the rules."""


def check_topup(*, purse: Purse, amount_fen: int, channel: str, on: date) -> None:
    """Raise AmountOutOfRange, BalanceLimitExceeded or LimitExceeded if the purse may not be topped up by so much.

    Balance, value in transit and amount together are what the purse would hold. Locks the purse.
    """
    check_amount(purse=purse, amount_fen=amount_fen)
    _judge(purse, _Operation.TOP_UP, channel, amount_fen, on)


def check_payment(*, purse: Purse, amount_fen: int, channel: str, on: date) -> None:
    """Raise AmountOutOfRange or LimitExceeded if a rule stands against paying so much. Locks the purse.

    Whether the purse has the money is the ledger's question.
    """
    check_amount(purse=purse, amount_fen=amount_fen)
    _judge(purse, _Operation.PAYMENT, channel, amount_fen, on)


def check_load(*, purse: Purse, amount_fen: int, chip_balance_fen: int, on: date) -> None:
    """Raise BalanceLimitExceeded if a chip that holds `chip_balance_fen` by its own word may not take the amount."""
    _judge(purse, _Operation.TOP_UP, "", amount_fen, on, chip_balance_fen)


def check_amount(*, purse: Purse, amount_fen: object) -> None:
    """Raise AmountOutOfRange for what is no amount of money that the purse could ever hold: asks no database."""
    if type(amount_fen) is not int or not 0 < amount_fen <= AMOUNT_MAX_FEN:
        raise _out_of_range(amount_fen, 1, purse.ceiling_fen)


def promised_fen(purse: Purse) -> int:
    """What the purse has by the books and what is paid and on its way to it, in fen."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_promised_fen(%s)", [purse.pk])
        return int(cursor.fetchone()[0])


@transaction.atomic
def publish_limit(
    *,
    code: str,
    measure: str,
    operation: str,
    limit_fen: int,
    valid_from: date,
    legal_basis: str,
    actor: str,
    product: CardProduct | None = None,
    channel: str = "",
    level: int | None = None,
    valid_until: date | None = None,
) -> LimitPolicy:
    """Publish a rule, or the version that succeeds its last one. Audited; publishing the same again changes nothing.

    A version begins after the one before it, so that no past event is judged anew. A rule without successor ends by a
    last version with `valid_until`. Raises InvalidField, and Conflict when the date has another version.
    """
    values: dict[str, Any] = {
        "measure": measure,
        "operation": operation,
        "limit_fen": limit_fen,
        "legal_basis": legal_basis,
        "product": product,
        "channel": channel,
        "level": level,
        "valid_until": valid_until,
    }
    _check_words(values)
    versions = LimitPolicy.objects.filter(code=code)
    if (found := versions.filter(valid_from=valid_from).first()) is not None:
        if any(getattr(found, field) != value for field, value in values.items()):
            raise Conflict(what=f"{code} {valid_from}")
        return found
    if versions.filter(valid_from__gt=valid_from).exists():
        raise InvalidField("valid_from", _("a later version of the rule is already published"))
    record_audit(
        actor=actor,
        action="limit.publish",
        subject=f"limit:{code}",
        detail={"valid_from": valid_from, "limit_fen": limit_fen, "legal_basis": legal_basis},
    )
    return LimitPolicy.objects.create(code=code, valid_from=valid_from, **values)


def exceeded(told: dict[str, Any], amount_fen: int) -> LimitExceeded:
    """The typed error of a refusal as the database tells it: the rule and what was used of it."""
    measure, limit_fen, used_fen = told["measure"], told["limit_fen"], told["used_fen"]
    rule = {
        "limit_code": told["code"],
        "legal_basis": told["legal_basis"],
        "limit_fen": limit_fen,
        "limit": format_yuan(limit_fen),
        "used_fen": used_fen,
        "used": format_yuan(used_fen),
    }
    if measure in (_Measure.MINIMUM, _Measure.SINGLE) or (measure == _CEILING and amount_fen > limit_fen):
        return _out_of_range(amount_fen, told["minimum_fen"], told["maximum_fen"], **rule)
    if measure in (_Measure.BALANCE, _CEILING):
        return BalanceLimitExceeded(amount_fen=amount_fen, balance_fen=used_fen + amount_fen, **rule)
    return LimitExceeded(amount_fen=amount_fen, **rule)


def _judge(
    purse: Purse, operation: str, channel: str, amount_fen: int, on: date, holding_fen: int | None = None
) -> None:
    (refusal,) = fetch_one(
        "SELECT accounts_limit_refusal(%s, %s, %s, %s, %s, %s)",
        (purse.pk, operation, channel, amount_fen, on, holding_fen),
    )
    if refusal is not None:
        raise exceeded(refusal, amount_fen)


def _out_of_range(amount_fen: object, minimum_fen: int, maximum_fen: int, **rule: Any) -> AmountOutOfRange:
    return AmountOutOfRange(
        amount_fen=amount_fen,
        minimum_fen=minimum_fen,
        minimum=format_yuan(minimum_fen),
        maximum_fen=maximum_fen,
        maximum=format_yuan(maximum_fen),
        **rule,
    )


def _check_words(values: dict[str, Any]) -> None:
    """Refuse before the database does what a person has to put right."""
    for field, known in (("measure", _Measure.values), ("operation", _Operation.values)):
        if values[field] not in known:
            raise InvalidField(field, _("unknown"))
    if type(values["limit_fen"]) is not int or not 0 <= values["limit_fen"] <= AMOUNT_MAX_FEN:
        raise InvalidField("limit_fen", _("not an amount of money"))
    if not values["legal_basis"].strip():
        raise InvalidField("legal_basis", _("a limit needs a reason"))
