"""What a clerk fills in."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget


class PairingForm(forms.Form):
    """What the workstation shall be called."""

    name = forms.CharField(
        label=_("Name of this workstation"),
        max_length=60,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
