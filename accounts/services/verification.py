"""How well a citizen is known: better on a proof, less well at once, and with the level ends what it no longer is enough for."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import HolderDeceased
from accounts.models import Card, Citizen, Mandate, Notice
from accounts.services.levels import NEEDED, Level, Operation
from accounts.services.mandates import stop_for_card
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField


@transaction.atomic
def set_level(*, citizen: Citizen, level: int, proof: str, actor: str, occurred_at: datetime) -> Citizen:
    """The citizen is known better, or less well, on a `proof`. Lowered, what needs more stops at once. Audited.

    Raises InvalidField without a proof or for what is no level, HolderDeceased.
    """
    if not proof.strip():
        raise InvalidField("proof", _("say on what it rests"))
    if level not in Level.values:
        raise InvalidField("level", _("unknown"))
    person = locks.lock_citizen(citizen.pk)
    if person.deceased_on is not None:
        raise HolderDeceased
    if person.level == level:
        return person
    before, person.level = person.level, level
    person.save(update_fields=["level"])
    record_audit(
        actor=actor,
        action="citizen.level",
        subject=f"citizen:{person.pk}",
        detail={"before": before, "after": level, "proof": proof.strip()},
    )
    if level < before:
        notify(person.pk, Notice.Code.LEVEL_LOWERED)
    if level < NEEDED[Operation.MANDATE]:
        for pk in Card.objects.filter(citizen=person).order_by("pk").values_list("pk", flat=True):
            card = locks.lock_card(pk)
            stop_for_card(card=card, reason=Mandate.StopReason.LEVEL, occurred_at=occurred_at)
    return person
