"""The cash drawer 钱箱: opened with a float, counted blind, confirmed by a second person. All of it is audited.

What moves its cash in between is booked by :mod:`.drawer_entries`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.errors import ApplicationBegun, DrawerAlreadyOpen, IllegalDrawerStep, NotYourDrawer
from accounts.models import DrawerCount, DrawerEntry, DrawerSession, IssueApplication, StockPlace
from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core import two_people
from citizencard.core.audit import record_audit
from citizencard.core.calendar import database_time
from citizencard.core.errors import InvalidField
from citizencard.core.states import lock_row, step_to

State = DrawerSession.State
DENOMINATIONS_FEN: Final = (10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10)
"""Notes and coins in use, RMB."""
_PIECES_MAX: Final = 100_000
_TAKEN: Final = (IssueApplication.State.PAID, IssueApplication.State.WRITING)


def counted_fen(pieces: Mapping[int, int]) -> int:
    """What so many pieces of each worth (fen) come to. Raises InvalidField for a worth or a number that there is not."""
    for worth, number in pieces.items():
        if worth not in DENOMINATIONS_FEN:
            raise InvalidField("pieces", _("no note or coin has this worth"))
        if type(number) is not int or not 0 <= number <= _PIECES_MAX:
            raise InvalidField("pieces", _("a number of pieces is whole and not negative"))
    return sum(worth * number for worth, number in pieces.items())


def open_drawer_of(clerk: str) -> DrawerSession | None:
    """The clerk's open drawer."""
    return DrawerSession.objects.filter(clerk=clerk, state=State.OPEN).first()


@transaction.atomic
def open_drawer(*, clerk: str, hall: StockPlace, pieces: Mapping[int, int]) -> DrawerSession:
    """The clerk's drawer with its counted float. Raises DrawerAlreadyOpen, InvalidField (no hall, no such pieces)."""
    if hall.kind != StockPlace.Kind.HALL:
        raise InvalidField("hall", _("drawers are opened in service halls"))
    float_fen = counted_fen(pieces)
    try:
        with transaction.atomic():
            session = DrawerSession.objects.create(
                clerk=clerk, hall=hall, float_fen=float_fen, opened_at=database_time()
            )
    except IntegrityError as error:
        raise DrawerAlreadyOpen(drawer=open_drawer_of(clerk)) from error
    _audit(session, "drawer.open", clerk, hall=hall.code, float_fen=float_fen)
    return session


@transaction.atomic
def count_drawer(*, session: DrawerSession, pieces: Mapping[int, int], actor: str) -> DrawerCount:
    """The clerk's count, given before anybody says what should be there; from now on the drawer takes and gives nothing.

    Counted again only after a second person has refused the count before. Raises NotYourDrawer, InvalidField, IllegalDrawerStep,
    and ApplicationBegun while money was taken for a card that is not written yet, and is booked with it.
    """
    total_fen = counted_fen(pieces)
    session = lock_row(session)
    if session.clerk != actor:
        raise NotYourDrawer(clerk=session.clerk)
    taken = IssueApplication.objects.filter(clerk=actor, state__in=_TAKEN).first()
    if taken is not None:
        raise ApplicationBegun(what=str(taken))
    standing = session.counts.exclude(state=DrawerCount.State.REFUSED).first()
    if standing is not None:
        raise IllegalDrawerStep(source=session.get_state_display(), target=State.COUNTED.label)
    with step_to(State.COUNTED, IllegalDrawerStep):
        session.count()
    session.counted_at = session.counted_at or database_time()
    session.save(update_fields=["state", "counted_at"])
    count = DrawerCount.objects.create(
        session=session,
        maker=actor,
        pieces={str(worth): number for worth, number in pieces.items() if number},
        counted_fen=total_fen,
        expected_fen=session.float_fen + session.moved_fen,
    )
    _audit(session, "drawer.count", actor, counted_fen=total_fen, expected_fen=count.expected_fen)
    return count


@transaction.atomic
def confirm_count(*, count: DrawerCount, checker: str) -> DrawerCount:
    """A second person has counted the same and takes the cash over; what is over or short is booked to the clerk's drawer.

    Raises MakerIsChecker, AlreadyDecided.
    """
    session = lock_row(count.session)
    count = two_people.approve(lock_row(count), checker=checker)
    with step_to(State.CLOSED, IllegalDrawerStep):
        session.close()
    session.save(update_fields=["state"])
    if count.difference_fen:
        journal = post_journal(
            key=f"drawer-difference:{count.pk}",
            kind="drawer_difference",
            actor=session.clerk,
            source=str(session),
            legs=postings.drawer_difference(count=count),
        )
        DrawerEntry.objects.create(session=session, journal=journal, amount_fen=count.difference_fen)
    _audit(
        session, "drawer.confirm", checker, counted_fen=count.counted_fen, difference_fen=count.difference_fen
    )
    return count


@transaction.atomic
def refuse_count(*, count: DrawerCount, checker: str, reason: str) -> DrawerCount:
    """A second person has counted something else: the clerk counts again. Raises MakerIsChecker, AlreadyDecided."""
    session = lock_row(count.session)
    count = two_people.refuse(lock_row(count), checker=checker, answer=reason)
    _audit(session, "drawer.recount", checker, counted_fen=count.counted_fen, reason=reason)
    return count


def _audit(session: DrawerSession, action: str, actor: str, **detail: object) -> None:
    record_audit(actor=actor, action=action, subject=f"drawer:{session.pk}", detail=detail)
