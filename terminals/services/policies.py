"""What terminals go by, and what is promised after a loss: dated versions, each with its legal basis."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from terminals.fares.errors import DocumentError
from terminals.fares.fields import Fields
from terminals.models import HotListPolicy, ParameterPolicy, TerminalKind
from terminals.program.marks import Marks


def publish_hot_list_policy(
    *,
    valid_from: date,
    promise_minutes: int,
    grace_minutes: int,
    legal_basis: str,
    actor: str,
    temporary_days: int = 5,
) -> HotListPolicy:
    """The promise for losses reported from a date on, and how long a report for now stands. Audited.

    Publishing the same again changes nothing. Raises InvalidField; Conflict when the date has another version.
    """
    terms = {
        "promise_minutes": promise_minutes,
        "grace_minutes": grace_minutes,
        "temporary_days": temporary_days,
        "legal_basis": legal_basis,
    }
    policy: HotListPolicy = _publish(
        HotListPolicy, {"valid_from": valid_from}, terms, actor, "hot_list_policy"
    )
    return policy


def publish_parameters(
    *,
    valid_from: date,
    guard_s: int,
    upload_s: int,
    heartbeat_s: int,
    list_s: int,
    grey_days: int,
    legal_basis: str,
    actor: str,
    kind: str = "",
    marks: dict[str, Any] | None = None,
    **limits: int | None,
) -> ParameterPolicy:
    """Limits and rhythms for a kind of terminal (empty: all) from a date on; `limits` as ParameterPolicy.LIMITS, in fen.

    A limit left out does not bind. `marks` as `terminals.program.marks.Marks` reads them; without them the kind of a card
    gives nobody a concession at the tap. As `publish_hot_list_policy` otherwise.
    """
    if kind and kind not in TerminalKind.values:
        raise InvalidField("kind", kind)
    if unknown := limits.keys() - set(ParameterPolicy.LIMITS):
        raise InvalidField(min(unknown), _("no such limit"))
    try:
        Marks.parse(Fields(marks or {}, "marks"))
    except DocumentError as error:
        raise InvalidField("marks", str(error)) from error
    terms = {
        "guard_s": guard_s,
        "upload_s": upload_s,
        "heartbeat_s": heartbeat_s,
        "list_s": list_s,
        "grey_days": grey_days,
        "legal_basis": legal_basis,
        **dict.fromkeys(ParameterPolicy.LIMITS),
        **limits,
        "marks": marks or {},
    }
    key = {"kind": kind, "valid_from": valid_from}
    policy: ParameterPolicy = _publish(ParameterPolicy, key, terms, actor, "parameters")
    return policy


@transaction.atomic
def _publish(
    model: type[models.Model], key: dict[str, Any], terms: dict[str, Any], actor: str, what: str
) -> Any:
    for field, value in terms.items():
        if (
            field not in ("legal_basis", "marks")
            and value is not None
            and (type(value) is not int or value < 0)
        ):
            raise InvalidField(field, _("a whole number from 0"))
    if not terms["legal_basis"].strip():
        raise InvalidField("legal_basis", _("a policy needs a reason"))
    try:
        with transaction.atomic():
            policy, new = model._default_manager.get_or_create(**key, defaults=terms)
    except IntegrityError as error:
        raise InvalidField(what, _("a value is out of its bounds")) from error
    if any(getattr(policy, field) != value for field, value in terms.items()):
        raise Conflict(what=f"{what} {policy}")
    if new:
        record_audit(actor=actor, action=f"{what}.publish", subject=what, detail={**key, **terms})
    return policy
