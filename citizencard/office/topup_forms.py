"""How much is topped up, and the holder's PIN."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import Card, Purse
from citizencard.core.money import format_yuan
from citizencard.office.forms import YuanField

KEYS_FEN: Final = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


class TopUpForm(forms.Form):
    """An amount key or another amount; cleaned, `amount_fen`. The purse is asked for where the card has two."""

    key = forms.ChoiceField(
        label=_("Amount (yuan)"),
        choices=[(str(fen), format_yuan(fen).removesuffix(".00")) for fen in KEYS_FEN],
        required=False,
        widget=forms.RadioSelect(attrs={"class": "office-keys"}),
    )
    other = YuanField(
        label=_("Another amount (yuan)"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    purse = forms.ChoiceField(
        label=_("Purse"), choices=Purse.Kind.choices, widget=forms.RadioSelect(attrs={"class": "office-keys"})
    )
    request_key = forms.CharField(max_length=40, widget=forms.HiddenInput)

    def __init__(self, card: Card, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [Purse.Kind(purse.kind) for purse in card.purses.order_by("kind")]
        kinds.sort(key=lambda kind: kind != Purse.Kind.CHIP)
        self.fields["purse"].choices = [(kind.value, kind.label) for kind in kinds]  # type: ignore[attr-defined]
        self.initial["purse"] = kinds[0]
        if len(kinds) == 1:
            self.fields["purse"].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        """One amount, not two."""
        given = super().clean() or {}
        key_fen, other_fen = int(given.get("key") or 0), given.get("other") or 0
        if bool(key_fen) == bool(other_fen):
            raise forms.ValidationError(_("Choose an amount, or write another one."))
        return {**given, "amount_fen": key_fen or other_fen}


class PinForm(forms.Form):
    """What the holder keys in; it goes to the chip and is kept nowhere."""

    pin = forms.RegexField(
        r"^\d{4,12}$",
        label=_("PIN of the card"),
        help_text=_("The holder keys it in. It goes to the chip and is kept nowhere."),
        widget=UnfoldAdminTextInputWidget(
            attrs={"type": "password", "inputmode": "numeric", "autocomplete": "off", "autofocus": True}
        ),
    )
