"""What staff fill in about themselves."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from citizencard.office.roles import TITLES
from citizencard.staff.models import AccountChange


class CodeForm(forms.Form):
    """A code of the app or of the list."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )


class AnswerForm(forms.Form):
    """What a security key has answered, as JSON put in by the page's script."""

    credential = forms.CharField(max_length=20_000, widget=forms.HiddenInput)

    def clean_credential(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        try:
            answer = json.loads(self.cleaned_data["credential"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("The security key gave no answer.")) from error
        if not isinstance(answer, dict):
            raise forms.ValidationError(_("The security key gave no answer."))
        return answer


class NewKeyForm(AnswerForm):
    """A new security key and what it shall be called."""

    name = forms.CharField(
        label=_("Name of the key"),
        max_length=60,
        help_text=_("So that you tell it from another, e.g. blue key."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": True}),
    )


class PasswordForm(forms.Form):
    """The present password and, twice, the new one."""

    old = forms.CharField(
        label=_("Present password or code"),
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    new = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password once more"),
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Both the same."""
        given = super().clean() or {}
        if given.get("new") != given.get("again"):
            self.add_error("again", _("The two are not the same."))
        return given


class AccountChangeForm(forms.Form):
    """What is to become of an account."""

    kind = forms.ChoiceField(
        label=_("Change"),
        choices=AccountChange.Kind.choices,
        widget=UnfoldAdminSelectWidget(attrs={"autofocus": True}),
    )
    username = forms.CharField(
        label=_("User name"), max_length=150, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        required=False,
        help_text=_("Of a new account."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=TITLES.items,
        required=False,
        help_text=_("All roles that the account is to have; for a new account or other roles."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
