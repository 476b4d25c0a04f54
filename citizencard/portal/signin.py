"""Who is knocking: a citizen by document or card number and password."""

from __future__ import annotations

from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy as _

from accounts.models import Card, User
from accounts.selectors.people import find_citizen
from citizencard.core.errors import CitizenCardError, InvalidField
from citizencard.lockout import count_attempt, forget_attempts

PAN_DIGITS = 19


class SignInRefused(CitizenCardError):
    """Number and password do not belong together; which of the two is wrong is not told."""

    code = "sign_in_refused"
    status = 401
    message = _("The number or the password is not right.")


def identify_citizen(*, identifier: str, password: str, address: str | None = None) -> User:
    """The login that `identifier` (document or 19-digit card number) and `password`, sent from `address`, open.

    Raises SignInRefused, SignInLocked after too many attempts, KeyServiceUnavailable.
    """
    number = "".join(identifier.split()).upper()
    user = _login_of(number)
    subject = f"user:{user.pk}" if user else f"number:{number}"
    count_attempt(subject, address=address)
    if user is None:
        make_password(password)  # takes as long as a check: the time does not tell who is registered
        raise SignInRefused
    if not user.check_password(password) or not user.is_active:
        raise SignInRefused
    forget_attempts(subject, address=address)
    return user


def _login_of(number: str) -> User | None:
    if len(number) == PAN_DIGITS and number.isdecimal():
        card = Card.objects.select_related("citizen__user").filter(pan=number).first()
        citizen = card.citizen if card else None
    else:
        try:
            citizen = find_citizen(document_number=number)
        except InvalidField:
            citizen = None
    return getattr(citizen, "user", None)
