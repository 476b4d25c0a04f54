"""What staff fill in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextareaWidget

from citizencard.lockout import SignInLocked, count_attempt, forget_attempts


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # unfold is untyped
    """The admin's form with the same lock as the portal: five wrong passwords, a quarter of an hour."""

    def clean(self) -> dict[str, Any]:
        """Count the attempt before the password is looked at."""
        subject = f"staff:{self.cleaned_data.get('username', '')}"
        try:
            count_attempt(subject)
        except SignInLocked as locked:
            raise forms.ValidationError(str(locked), code=locked.code) from locked
        cleaned: dict[str, Any] = super().clean()
        forget_attempts(subject)
        return cleaned


class ReasonForm(forms.Form):
    """Why somebody looks at or stops something; it goes into the audit trail."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=100,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
    )
