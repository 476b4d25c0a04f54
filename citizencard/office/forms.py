"""What staff fill in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import CardProduct, RefundPart, Replacement, User
from citizencard.core.money import format_yuan, parse_yuan
from citizencard.lockout import SignInLocked, count_attempt, forget_attempts
from citizencard.staff.devices import counted_as
from citizencard.staff.models import StartingCode
from citizencard.staff.selectors import has_factor
from terminals.fares.documents import read_documents
from terminals.models import LossReport


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # unfold is untyped
    """The admin's form with the same lock as the portal: five wrong passwords, a quarter of an hour."""

    def clean(self) -> dict[str, Any]:
        """Count the attempt before the password is looked at; a right one is forgotten once a second factor was shown too."""
        subject = counted_as(self.request, self.cleaned_data.get("username", ""))
        address = self.request.META.get("REMOTE_ADDR")
        try:
            count_attempt(subject, address=address)
        except SignInLocked as locked:
            raise forms.ValidationError(str(locked), code=locked.code) from locked
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        if user is not None and not has_factor(user):
            forget_attempts(subject, address=address)
        return cleaned

    def confirm_login_allowed(self, user: User) -> None:
        """As the admin's, and a starting code is good for a day."""
        super().confirm_login_allowed(user)
        if StartingCode.objects.filter(user=user, expires_at__lt=timezone.now()).exists():
            raise forms.ValidationError(
                _("This code is too old: ask an administrator for another."), code="code_expired"
            )


class ReasonForm(forms.Form):
    """Why somebody looks at or stops something; it goes into the audit trail."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=100,
        help_text=_("The reason is kept in the audit trail together with your name."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
    )


class YuanField(forms.CharField):
    """An amount in yuan as people write it; cleaned it is fen, 0 where it was left empty."""

    widget = UnfoldAdminTextInputWidget

    def clean(self, value: Any) -> int:
        """Fen. Raises ValidationError for signs, more than two decimals or anything else."""
        text = super().clean(value)
        try:
            return parse_yuan(text) if text else 0
        except ValueError as error:
            raise forms.ValidationError(
                _("An amount in yuan has digits and at most two decimals.")
            ) from error


class RefundForm(ReasonForm):
    """Why the holder wants the money back, and where what has no way back shall go; `chip`: the card lies on the reader."""

    chip = forms.BooleanField(required=False, widget=forms.HiddenInput)

    payee = forms.CharField(
        label=_("Payee reference"),
        max_length=80,
        required=False,
        help_text=_("Token of a linked bank account, never its number. Empty: cash."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class _ShownAmount(forms.HiddenInput):
    """Carries what the page shows now, whatever was sent before."""

    def __init__(self, shown_fen: int) -> None:
        super().__init__()
        self._shown_fen = shown_fen

    def format_value(self, value: Any) -> str:
        """The amount in fen."""
        return str(self._shown_fen)


class PassRefundForm(ReasonForm):
    """Why a pass is given back, over the amount (fen) that the holder was shown."""

    def __init__(self, quoted_fen: int, *args: Any) -> None:
        super().__init__(*args)
        self.fields["quoted"] = forms.IntegerField(min_value=0, widget=_ShownAmount(quoted_fen))


class ApprovalForm(forms.Form):
    """Interest is owed only where the operator is at fault."""

    interest = YuanField(label=_("Interest (yuan)"), required=False)
    interest_reason = forms.CharField(
        label=_("Why interest is owed"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )


class PayeeForm(forms.Form):
    """The linked account that the bank pays to."""

    payee = forms.CharField(
        label=_("Payee reference"),
        max_length=80,
        help_text=_("Token of a linked bank account, never its number."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class HeldForm(ReasonForm):
    """How much of a held purchase its merchant gets, and why; the form begins with what is usual (fen)."""

    paid = YuanField(
        label=_("To the merchant (yuan)"),
        help_text=_("The rest goes back to the holder."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    field_order = ["paid", "reason"]

    def __init__(self, usual_fen: int, *args: Any) -> None:
        super().__init__(*args)
        self.initial["paid"] = format_yuan(usual_fen)


class ConfirmForm(forms.Form):
    """Nothing to say: the button is the answer."""


class _OfPartForm(forms.Form):
    """About one of several parts of a refund; the cleaned value is the part."""

    def __init__(self, parts: Iterable[RefundPart], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        by_key = {part.key: part for part in parts}
        choices = [(key, f"{key}  ¥{format_yuan(part.amount_fen)}") for key, part in by_key.items()]
        part = forms.TypedChoiceField(
            label=_("Part"), choices=choices, coerce=by_key.__getitem__, widget=UnfoldAdminSelectWidget
        )
        self.fields = {"part": part, **self.fields}


class PayoutForm(_OfPartForm):
    """Which part the bank has paid, and under which number."""

    reference = forms.CharField(
        label=_("Bank reference"),
        max_length=80,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class ReturnForm(_OfPartForm, ReasonForm):
    """Which part came back, and why."""


class SubsidyForm(forms.Form):
    """A payer's file."""

    file = forms.FileField(
        label=_("Subsidy file"),
        help_text=_(
            "CSV in UTF-8 or GBK; taken whole or not at all, and paid out once another person approves."
        ),
        widget=UnfoldAdminFileFieldWidget,
    )


class ConcessionProofForm(forms.Form):
    """What was seen, never what is in it: a reference to the proof."""

    proof = forms.CharField(
        label=_("Proof"),
        max_length=100,
        help_text=_("Kind and number of the check, e.g. of the school's list. No personal data."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    valid_until = forms.DateField(
        label=_("Valid until"),
        required=False,
        help_text=_("Empty: a year."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )


class ConcessionForm(ConcessionProofForm):
    """A category somebody has proved; `categories` are those that published fares know."""

    def __init__(self, categories: Mapping[str, Iterable[str]], *args: Any) -> None:
        super().__init__(*args)
        choices = [(code, f"{code} · {'、'.join(names)}") for code, names in categories.items()]
        category = forms.ChoiceField(label=_("Category"), choices=choices, widget=UnfoldAdminSelectWidget)
        valid_from = forms.DateField(
            label=_("Valid from"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
        )
        legal_basis = forms.CharField(
            label=_("Legal basis"), max_length=200, widget=UnfoldAdminTextInputWidget
        )
        last = {"legal_basis": legal_basis}
        self.fields = {"category": category, "valid_from": valid_from, **self.fields, **last}


class ProofForm(forms.Form):
    """The number of the document that lies on the counter."""

    document_number = forms.CharField(
        label=_("Document number"),
        max_length=40,
        required=False,
        help_text=_("As on the document that is shown; an anonymous card asks for none."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": True}),
    )


class LossForm(ReasonForm):
    """For how long a card is reported lost, and how the holder reached us."""

    kind = forms.ChoiceField(label=_("kind"), choices=LossReport.Kind.choices, widget=UnfoldAdminSelectWidget)
    channel = forms.ChoiceField(
        label=_("reported by way of"),
        choices=[
            (each.value, each.label) for each in LossReport.Channel if each != LossReport.Channel.PORTAL
        ],
        widget=UnfoldAdminSelectWidget,
    )


class RegisterForm(forms.Form):
    """Whose card it becomes, and of which product."""

    document_number = forms.CharField(
        label=_("Document number"),
        max_length=40,
        help_text=_("Of a registered person; the card lies on the reader."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": True}),
    )
    product = forms.ModelChoiceField(
        CardProduct.objects.filter(real_name=True), label=_("product"), widget=UnfoldAdminSelectWidget
    )


class ReplaceForm(forms.Form):
    """Why a card needs another one in its place."""

    cause = forms.ChoiceField(
        label=_("Cause"),
        choices=Replacement.Cause.choices,
        widget=UnfoldAdminSelectWidget(attrs={"autofocus": True}),
    )


class FareProposalForm(forms.Form):
    """Documents to be published together; cleaned, the file is a list of JSON objects."""

    file = forms.FileField(
        label=_("Fare documents"),
        help_text=_("JSON: one document or a list of them; published once another person agrees."),
        widget=UnfoldAdminFileFieldWidget,
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        help_text=_("Needed where a document begins in the past."),
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_file(self) -> list[Any]:
        """The documents; what is in them is checked where they are proposed."""
        try:
            return read_documents(self.cleaned_data["file"].read())
        except ValueError as error:
            raise forms.ValidationError(
                _("The file is no JSON: %(error)s."), params={"error": error}
            ) from error
