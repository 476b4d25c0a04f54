"""How long a sign-in holds. Django's session says which one it is; whether it still counts is said by its row."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from citizencard.staff.models import StaffSession, StartingCode
from citizencard.staff.models.sessions import Factor
from citizencard.staff.selectors import has_factor

End = StaffSession.End
_NOTED_EVERY: Final = timedelta(minutes=1)
"""Being there is not written down with every click."""
AGENT_MAX: Final = 200


def begin_session(*, user: User, ip: str | None, agent: str) -> StaffSession:
    """The password was right; the row says what else is asked for."""
    now = timezone.now()
    return StaffSession.objects.create(
        user=user,
        started_at=now,
        last_seen_at=now,
        ip=ip,
        agent=agent[:AGENT_MAX],
        needs_password=StartingCode.objects.filter(user=user).exists(),
        needs_factor=settings.STAFF_SECOND_FACTOR or has_factor(user),
    )


def still_runs(*, session: StaffSession, active: bool) -> bool:
    """Whether the session holds; one that was left alone or is too old ends here. `active`: somebody is at the browser."""
    if session.ended_at is not None:
        return False
    now = timezone.now()
    if now - session.started_at > timedelta(hours=settings.STAFF_SESSION_HOURS):
        end_session(session=session, because=End.AGE)
        return False
    if now - session.last_seen_at > timedelta(minutes=settings.STAFF_IDLE_MINUTES):
        end_session(session=session, because=End.IDLE)
        return False
    if active and now - session.last_seen_at > _NOTED_EVERY:
        session.last_seen_at = now
        session.save(update_fields=["last_seen_at"])
    return True


def note_factor(*, session: StaffSession, factor: Factor) -> None:
    """A second factor was shown, now."""
    session.factor, session.factor_at, session.needs_factor = factor, timezone.now(), True
    session.save(update_fields=["factor", "factor_at", "needs_factor"])


def forget_factor(*, session: StaffSession) -> None:
    """There is no second factor any more, and none is asked for."""
    session.factor, session.factor_at, session.needs_factor = Factor.NONE, None, False
    session.save(update_fields=["factor", "factor_at", "needs_factor"])


def end_session(*, session: StaffSession, because: StaffSession.End) -> None:
    """Over. Again is no change."""
    StaffSession.objects.filter(pk=session.pk, ended_at=None).update(
        ended_at=timezone.now(), ended_because=because
    )


def end_sessions(*, user: User, because: StaffSession.End, but: StaffSession | None = None) -> int:
    """All of the user's sessions are over, except `but`; how many there were."""
    running = StaffSession.objects.filter(user=user, ended_at=None)
    if but is not None:
        running = running.exclude(pk=but.pk)
    return running.update(ended_at=timezone.now(), ended_because=because)
