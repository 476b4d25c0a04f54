"""Browsers that somebody has been inside with: who guesses elsewhere at a name locks himself out, not them.

Wrong passwords and codes from such a browser are counted for it alone. The cookie is signed and names one person; it opens nothing.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.crypto import salted_hmac

SALT: Final = "citizencard.staff.known"
LIFE: Final = timedelta(days=90)


def counted_as(request: HttpRequest, username: str) -> str:
    """Whom the lock counts: the person, or the person at this browser. Passwords and codes are one count."""
    browser = request.get_signed_cookie(_name(username), "", salt=SALT)
    return f"staff:{username}@{browser}" if browser else f"staff:{username}"


def remember(request: HttpRequest, response: HttpResponseBase, username: str) -> None:
    """The person is inside, with this browser."""
    if _name(username) not in request.COOKIES:
        response.set_signed_cookie(
            _name(username),
            secrets.token_hex(16),
            salt=SALT,
            max_age=LIFE,
            path=reverse("admin:index"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Strict",
        )


def _name(username: str) -> str:
    return f"known_{salted_hmac(SALT, username, algorithm='sha256').hexdigest()[:16]}"
