"""The one door of the office. Whatever page is asked for, and whatever is done on it, comes through here first.

Signed in by password is not yet inside: a starting code is changed first, a second factor is set up or shown. Inside, acts need a
second factor that was shown a short while ago, and a session that was left alone, grew old or was ended elsewhere lets nobody in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import wraps
from typing import Any, Final, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from citizencard.core.audit import record_audit
from citizencard.staff.devices import remember
from citizencard.staff.models import StaffSession
from citizencard.staff.selectors import has_factor
from citizencard.staff.services.sessions import begin_session, still_runs
from citizencard.ways import own_page

View = Callable[..., HttpResponseBase]

SESSION: Final = "staff_session"
"""Key in Django's session: the id of the row."""
FACTOR: Final = "staff_factor"
ENROLMENT: Final = frozenset({"staff_enrol", "staff_app", "staff_key"})
"""Where a first factor is set up; a further one only from inside."""
ASKS_BY_ITSELF: Final = frozenset({"bridge_state"})
"""Pages that a browser asks for while nobody is there."""
FORM_TIME: Final = timedelta(minutes=10)
"""So much longer a factor is good for sending what was opened in time."""


def gated(view: View, acts: Callable[[], Collection[str]]) -> View:
    """Let a request through to `view`, or send it where it has to go first. `acts` names the pages that lead to an act."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **words: Any) -> HttpResponseBase:
        session, username = session_here(request), member_here(request).get_username()
        elsewhere = _elsewhere(request, session, acts)
        if elsewhere is not None:
            return elsewhere
        answer = view(request, *args, **words)
        if not session.needs_password and (session.factor_at or not session.needs_factor):
            remember(request, answer, username)
        return answer

    return inner


def member_here(request: HttpRequest) -> User:
    """Who sits at the browser; behind the door it is somebody."""
    return cast("User", request.user)


def session_here(request: HttpRequest) -> StaffSession:
    """The row of this browser's sign-in; made when it first comes in."""
    kept = StaffSession.objects.filter(pk=request.session.get(SESSION, 0), user=member_here(request)).first()
    if kept is None:
        agent = request.headers.get("User-Agent", "")
        kept = begin_session(user=member_here(request), ip=request.META.get("REMOTE_ADDR"), agent=agent)
        request.session[SESSION] = kept.pk
    return kept


def way_on(request: HttpRequest) -> str:
    """Where somebody was going before being asked for something; the overview where that is not one of our pages."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    return own_page(request, wanted, reverse("admin:index"))


def _elsewhere(
    request: HttpRequest, session: StaffSession, acts: Callable[[], Collection[str]]
) -> HttpResponse | None:
    page = request.resolver_match.url_name if request.resolver_match else None
    if not still_runs(session=session, active=page not in ASKS_BY_ITSELF):
        auth.logout(request)
        messages.info(request, _("Your session has ended. Please sign in again."))
        return _to("login", request)
    if page == "logout":
        return None
    if session.needs_password:
        return None if page == "password_change" else _to("password_change", request)
    if session.needs_factor and session.factor_at is None:
        return _to_factor(request, page)
    if (request.method == "POST" or page in acts()) and _long_ago(request, session):
        return _to_factor(request, page)
    if request.user.is_superuser:
        record_audit(
            actor=request.user.get_username(),
            action="superuser.look",
            subject=request.path[:100],
        )
    return None


def _to_factor(request: HttpRequest, page: str | None) -> HttpResponse | None:
    """To where the user's factor is shown, or set up where there is none yet."""
    known = has_factor(member_here(request))
    if page in ({FACTOR} if known else ENROLMENT):
        return None
    return _to(FACTOR if known else "staff_enrol", request)


def _long_ago(request: HttpRequest, session: StaffSession) -> bool:
    if session.factor_at is None:  # nobody asks for one here
        return False
    good_for = timedelta(minutes=settings.STAFF_FACTOR_MINUTES)
    if request.method == "POST":
        good_for += FORM_TIME
    return timezone.now() - session.factor_at > good_for


def _to(page: str, request: HttpRequest) -> HttpResponse:
    """Off to `page`, and afterwards back to where the form was: what was sent is not kept."""
    here = request.get_full_path()
    if request.method == "POST":
        here = urlsplit(request.headers.get("Referer", "")).path or request.path
    return HttpResponseRedirect(f"{reverse(f'admin:{page}')}?{urlencode({'next': here})}")
