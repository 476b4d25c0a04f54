"""Which purchases are taken back: dated policy by channel, and what holds where none was published."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from terminals.models import Channel, ReturnPolicy


class ReturnRule(NamedTuple):
    """May a purchase be cancelled on its day, and for how many days refunded; 0: never."""

    cancel: bool
    refund_days: int


_RIDES: Final = (Channel.BUS, Channel.METRO, Channel.PARKING)
RIDES: Final = ReturnRule(cancel=True, refund_days=0)
"""A ride is over when it is paid; what was keyed in wrongly is cancelled at once."""
GOODS: Final = ReturnRule(cancel=True, refund_days=30)


def return_rule(channel: str, day: date) -> ReturnRule:
    """The rule for purchases of a day: the version that began last, else the custom of the channel."""
    policies = ReturnPolicy.objects.filter(channel=channel, valid_from__lte=day).order_by("-valid_from")
    version = policies.values_list("cancel", "refund_days").first()
    if version is not None:
        return ReturnRule(*version)
    return RIDES if channel in _RIDES else GOODS


@transaction.atomic
def publish_return_policy(
    *, channel: str, valid_from: date, cancel: bool, refund_days: int, legal_basis: str, actor: str
) -> ReturnPolicy:
    """The rule for a channel's purchases from a date on. Audited.

    Publishing the same again changes nothing. Raises InvalidField; Conflict when the date has another version.
    """
    if channel not in Channel.values:
        raise InvalidField("channel", channel)
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("a policy needs a reason"))
    values = {"cancel": cancel, "refund_days": refund_days, "legal_basis": legal_basis}
    policy, new = ReturnPolicy.objects.get_or_create(channel=channel, valid_from=valid_from, defaults=values)
    if any(getattr(policy, field) != value for field, value in values.items()):
        raise Conflict(what=f"{channel} {valid_from}")
    if new:
        record_audit(
            actor=actor,
            action="return_policy.publish",
            subject=f"return_policy:{channel}",
            detail={"valid_from": valid_from, **values},
        )
    return policy
