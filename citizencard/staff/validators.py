"""What is asked of passwords beyond Django's own rules."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User

STAFF_LENGTH_MIN: Final = 12


class LongForStaff:
    """Staff open more than their own account: their passwords have twelve characters. Length helps, mixtures do not."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raises ValidationError for a shorter one of staff."""
        if user is not None and user.is_staff and len(password) < STAFF_LENGTH_MIN:
            raise ValidationError(self.get_help_text(), code="password_too_short_for_staff")

    def get_help_text(self) -> str:
        """The rule in words."""
        return _("The password of staff has at least %(count)s characters.") % {"count": STAFF_LENGTH_MIN}
