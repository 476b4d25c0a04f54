"""What a citizen fills in."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Card, Purse
from citizencard.core.errors import CitizenCardError
from citizencard.core.money import parse_yuan
from terminals.models import LossReport

_KEY: Final = RegexValidator(r"\A[A-Za-z0-9_-]{16,32}\Z")
_CARD_NUMBER: Final = RegexValidator(r"\A\d{19}\Z", _("A card number has 19 digits."))


class SignInForm(forms.Form):
    """Document or card number, and password. Nothing is echoed back but the number."""

    identifier = forms.CharField(
        label=_("Document number or card number"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class YuanField(forms.CharField):
    """An amount in yuan as people type it; cleaned to fen."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=16, **options)

    def clean(self, value: Any) -> int:
        """Fen. Raises ValidationError for anything but a positive amount with at most two decimals."""
        try:
            amount_fen = parse_yuan(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(_("Please give an amount like 50 or 12.50.")) from error
        if not amount_fen:
            raise forms.ValidationError(_("Please give an amount like 50 or 12.50."))
        return amount_fen


class RefusableForm(forms.Form):
    """A form whose service may say no: the reason is shown beside what it is about, with the rule behind it."""

    about = ""
    """The field that refusals are about which name none."""

    def refuse(self, error: CitizenCardError) -> None:
        """Show a service's refusal."""
        field = error.data.get("field", self.about)
        reason = str(error.data.get("reason", error)) if "field" in error.data else str(error)
        self.add_error(field if field in self.fields else None, reason)
        if error.rule:
            self.add_error(
                field if field in self.fields else None, _("Basis: %(rule)s") % {"rule": gettext(error.rule)}
            )


class OnceForm(RefusableForm):
    """A form that, sent twice, is one request: its hidden key says so."""

    request_key = forms.CharField(widget=forms.HiddenInput, validators=[_KEY])

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """A new key for each time the form is shown."""
        if field_name == "request_key":
            return secrets.token_urlsafe(16)
        return super().get_initial_for_field(field, field_name)


class TopUpForm(OnceForm):
    """How much, and into which of the card's purses."""

    about = "amount_fen"

    purse_kind = forms.ChoiceField(label=_("Where to"), widget=forms.RadioSelect)
    amount_fen = YuanField(label=_("Amount (yuan)"))

    def __init__(self, card: Card, data: Any = None) -> None:
        super().__init__(data)
        _choose_purse(self, card.purses.all())


class MandateForm(RefusableForm):
    """When to collect, how much, and at most how much."""

    about = "amount_fen"

    purse_kind = forms.ChoiceField(label=_("Which balance"), widget=forms.RadioSelect)
    threshold_fen = YuanField(label=_("When the balance is below (yuan)"))
    amount_fen = YuanField(label=_("Top up by (yuan)"))
    day_cap_fen = YuanField(label=_("At most in a day (yuan)"))
    month_cap_fen = YuanField(label=_("At most in a month (yuan)"))

    def __init__(self, card: Card, data: Any = None) -> None:
        super().__init__(data)
        _choose_purse(self, card.purses.all())


class RefundForm(RefusableForm):
    """Why a card is given back, if the holder wants to say."""

    reason = forms.CharField(label=_("Reason (you need not say)"), max_length=200, required=False)


class ActivationForm(RefusableForm):
    """By which document the holder proves to be the holder."""

    about = "document_number"

    document_number = forms.CharField(
        label=_("Document number"),
        max_length=40,
        widget=forms.TextInput(
            {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


class LossForm(RefusableForm):
    """For how long a card is reported lost."""

    about = "kind"

    kind = forms.ChoiceField(
        label=_("How long"),
        choices=[
            (LossReport.Kind.TEMPORARY, _("For now: I may find it")),
            (LossReport.Kind.FORMAL, _("For good: I want another card")),
        ],
        initial=LossReport.Kind.TEMPORARY,
        widget=forms.RadioSelect,
    )


class AppealForm(RefusableForm):
    """Why the block is wrong, if the holder wants to say: one click is enough."""

    statement = forms.CharField(
        label=_("What we should know (you need not say)"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class PassForm(OnceForm):
    """Which pass, from when on."""

    about = "starts_on"

    code = forms.SlugField(widget=forms.HiddenInput)
    starts_on = forms.DateField(label=_("First day"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))


class InviteForm(RefusableForm):
    """Whom to pay for, by a card of theirs."""

    about = "card_number"

    card_number = forms.CharField(
        label=_("Card number of the family member"),
        max_length=23,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean_card_number(self) -> str:
        """The 19 digits without the gaps they are printed with."""
        number = "".join(self.cleaned_data["card_number"].split())
        _CARD_NUMBER(number)
        return number


class JoinForm(forms.Form):
    """Whether who pays may see the balance."""

    sees_balance = forms.BooleanField(label=_("They may see my balance"), required=False)


def _choose_purse(form: forms.Form, purses: Iterable[Purse]) -> None:
    kinds = sorted((purse.kind for purse in purses), reverse=True)
    words = {
        Purse.Kind.CHIP: _("The card itself, for buses and shops"),
        Purse.Kind.ACCOUNT: _("The online account"),
    }
    field = form.fields["purse_kind"]
    assert isinstance(field, forms.ChoiceField)  # noqa: S101  for the type checker
    field.choices = [(kind, words[Purse.Kind(kind)]) for kind in kinds]
    field.initial = kinds[0]
