"""What has happened to a person: reported by one member of staff on a paper, or by a list, and believed by another.

After a death nothing is used in the person's name any more: mandates, family, guardianships, concessions and the login end, and
cards are suspended. The money stays on them for the heirs, who are paid out by a refund (Civil Code, article 1122). Who moved
out loses what this city pays for; the cards and their money go on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import ChangeOnRecord
from accounts.models import Card, Citizen, FamilyLink, Guardianship, Notice, PersonChange, User
from accounts.selectors.people import TABLE
from accounts.services.cards import reinstate_card, suspend_card
from accounts.services.comparison import is_news
from accounts.services.concessions import withdraw_concession
from accounts.services.documents import check_name
from accounts.services.family import leave_family
from accounts.services.guardians import end_guardianship
from accounts.services.levels import Level
from accounts.services.notices import notify
from citizencard.core import two_people
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.pii import Kind, blind_index, mask_name, seal
from citizencard.core.states import lock_row

State, Changed = PersonChange.State, PersonChange.Kind
_EMPTIED: Final = ("name_sealed", "name_index")


def report_change(
    *, citizen: Citizen, kind: str, on: date, source: str, maker: str, name: str = ""
) -> PersonChange:
    """Report what a paper at the counter says (`source`: which); a second person decides. `name` is who was renamed's new one.

    Raises InvalidField, ChangeOnRecord, KeyServiceUnavailable. Audited.
    """
    if kind not in Changed.values:
        raise InvalidField("kind", _("unknown"))
    if not source.strip():
        raise InvalidField("source", _("say on what it rests"))
    if on > shanghai(timezone.now()).date():
        raise InvalidField("on", _("not a day that is past"))
    if bool(name) != (kind == Changed.RENAMED):
        raise InvalidField("name", _("a new name of who was renamed"))
    change = PersonChange(citizen=citizen, kind=kind, on=on, source=source.strip(), maker=maker)
    if name:
        name = check_name(name)
        change.name_sealed = seal(TABLE, "name", citizen.pk, name)
        change.name_index = blind_index(TABLE, "name", Kind.NAME, name)
        change.name_mask = mask_name(name)
    try:
        with transaction.atomic():
            if not is_news(locks.lock_citizen(citizen.pk), kind):
                raise ChangeOnRecord
            change.save()
            _audit(change, "citizen.change.report", maker)
    except IntegrityError as error:
        raise ChangeOnRecord from error
    return change


@transaction.atomic
def approve_change(*, change: PersonChange, checker: str, occurred_at: datetime) -> PersonChange:
    """A second person believes it, and what follows from it is done. Again is no change. Audited.

    Raises MakerIsChecker, AlreadyDecided (refused before), ChangeOnRecord, and CardAlreadyHeld for a mistaken death whose cards
    were replaced. `terminals.services.changes` does this with the hot list.
    """
    change = lock_row(change)
    if change.state == State.APPROVED:
        return change
    person = locks.lock_citizen(change.citizen_id)
    if not is_news(person, change.kind):
        raise ChangeOnRecord
    _FOLLOWS[change.kind](_Event(person, change, checker, occurred_at))
    change.name_sealed = change.name_index = None
    two_people.sign(change, PersonChange.approve, State.APPROVED, checker=checker)
    change.save(update_fields=[*two_people.DECISION, *_EMPTIED])
    _audit(change, "citizen.change", checker)
    return change


@transaction.atomic
def refuse_change(*, change: PersonChange, checker: str, reason: str) -> PersonChange:
    """A second person does not believe it. Raises MakerIsChecker, AlreadyDecided. Audited."""
    change = lock_row(change)
    change.name_sealed = change.name_index = None
    two_people.sign(change, PersonChange.refuse, State.REFUSED, checker=checker, answer=reason)
    change.save(update_fields=[*two_people.DECISION, *_EMPTIED])
    _audit(change, "citizen.change.refuse", checker)
    return change


class _Event(NamedTuple):
    person: Citizen
    change: PersonChange
    actor: str
    when: datetime


def _died(event: _Event) -> None:
    person, change, actor, when = event
    person.deceased_on, person.level = change.on, Level.CLAIMED
    person.save(update_fields=["deceased_on", "level"])
    for card in _cards(person, Card.State.ISSUED, Card.State.ACTIVE):
        suspend_card(card=card, actor=actor, reason=change.source, occurred_at=when)
    for side in ("payer", "member"):
        for link in FamilyLink.objects.filter(**{side: person}).exclude(state=FamilyLink.State.ENDED):
            leave_family(link=link, actor=actor, occurred_at=when)
    for side in ("guardian", "ward"):
        for each in Guardianship.objects.filter(**{side: person}, ended_at=None):
            end_guardianship(
                guardianship=each, because=Guardianship.End.DECEASED, actor=actor, occurred_at=when
            )
    _end_concessions(event)
    User.objects.filter(citizen=person).update(is_active=False)


def _lives(event: _Event) -> None:
    """What has ended stays ended: the person asks for it anew, once seen."""
    person, change, actor, when = event
    person.deceased_on = None
    person.save(update_fields=["deceased_on"])
    for card in _cards(person, Card.State.SUSPENDED):
        reinstate_card(card=card, actor=actor, reason=change.source, occurred_at=when)
    User.objects.filter(citizen=person).update(is_active=True)
    notify(person.pk, Notice.Code.ALIVE)


def _moved_out(event: _Event) -> None:
    event.person.moved_out_on = event.change.on
    event.person.save(update_fields=["moved_out_on"])
    _end_concessions(event)
    notify(event.person.pk, Notice.Code.MOVED_OUT, date=event.change.on.isoformat())


def _moved_in(event: _Event) -> None:
    event.person.moved_out_on = None
    event.person.save(update_fields=["moved_out_on"])


def _renamed(event: _Event) -> None:
    person, change = event.person, event.change
    person.name_sealed, person.name_index = change.name_sealed or b"", change.name_index
    person.name_mask = change.name_mask
    person.save(update_fields=["name_sealed", "name_index", "name_mask"])
    notify(person.pk, Notice.Code.RENAMED)


_FOLLOWS: Final[dict[str, Callable[[_Event], None]]] = {
    Changed.DECEASED: _died,
    Changed.ALIVE: _lives,
    Changed.MOVED_OUT: _moved_out,
    Changed.MOVED_IN: _moved_in,
    Changed.RENAMED: _renamed,
}


def _cards(person: Citizen, *states: Card.State) -> list[Card]:
    return list(person.cards.filter(state__in=states).order_by("pk"))


def _end_concessions(event: _Event) -> None:
    for each in event.person.concessions.filter(withdrawn_at=None).order_by("pk"):
        withdraw_concession(concession=each, actor=event.actor, reason=event.change.kind)


def _audit(change: PersonChange, action: str, actor: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"citizen:{change.citizen_id}",
        detail={"kind": change.kind, "on": change.on, "source": change.source, "answer": change.answer},
    )
