"""What a clerk writes down of a person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import Citizen, IdentityDocument, PersonChange
from citizencard.office.forms import ReasonForm

_DAY = UnfoldAdminTextInputWidget(attrs={"type": "date"})


class RevealForm(ReasonForm):
    """Why somebody sees a person's data in clear."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["reason"].help_text = _(
            "The person reads this reason in the access diary. Name nobody else in it."
        )


class CorrectionForm(ReasonForm):
    """What is right, and on what it rests."""

    field = forms.ChoiceField(
        label=_("What was wrong"),
        choices=[
            ("phone", _("phone")),
            ("birth", _("birth date")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    value = forms.CharField(
        label=_("What is right"),
        max_length=100,
        required=False,
        help_text=_(
            "A birth date as 1990-03-07; an empty phone is none. A name is reported as a change, which takes a second person."
        ),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    field_order = ["field", "value", "reason"]


class PaperForm(forms.Form):
    """A document that lies on the counter; the service checks number and papers by its kind."""

    document_kind = forms.ChoiceField(
        label=_("Document"),
        choices=IdentityDocument.Kind.choices,
        widget=UnfoldAdminSelectWidget(attrs={"autofocus": True}),
    )
    document_number = forms.CharField(
        label=_("Document number"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    nationality = forms.CharField(
        label=_("Nationality"),
        max_length=3,
        required=False,
        help_text=_("Of a passport: three letters by ISO 3166."),
        widget=UnfoldAdminTextInputWidget,
    )
    valid_to = forms.DateField(
        label=_("Valid to"), required=False, help_text=_("Of a passport always."), widget=_DAY
    )


class CitizenForm(PaperForm):
    """A person who is registered by a first document."""

    name = forms.CharField(
        label=pgettext_lazy("person", "Name"),
        max_length=100,
        help_text=_("As it stands on the document, with · between the parts of an ethnic name."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    birth_date = forms.DateField(
        label=_("Birth date"),
        required=False,
        help_text=_("Where the number does not hold it: under 14 a guardian has to agree."),
        widget=_DAY,
    )
    phone = forms.CharField(
        label=_("Phone"),
        max_length=20,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    consent = forms.BooleanField(
        label=_("Agrees to the issue and use of the citizen card"),
        required=False,
        help_text=_("Read out and agreed to at the counter; without it there is no real-name card."),
        widget=UnfoldBooleanWidget,
    )


class DocumentForm(PaperForm):
    """Another document of a known person, or a known one with a later end."""

    main = forms.BooleanField(
        label=_("Stands on the card from now on"), required=False, widget=UnfoldBooleanWidget
    )


class LevelForm(ReasonForm):
    """How well the person is known, and why."""

    level = forms.TypedChoiceField(
        label=_("Verification level"),
        coerce=int,
        choices=Citizen.Level.choices,
        widget=UnfoldAdminSelectWidget,
    )


class OtherPersonForm(ReasonForm):
    """Somebody else, by the number of a document or card; the reason is the proof."""

    other = forms.CharField(
        label=_("Document number or card number"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": True}),
    )

    def clean(self) -> dict[str, Any]:
        """Numbers are written with spaces."""
        given: dict[str, Any] = super().clean() or {}
        given["other"] = "".join(given.get("other", "").split())
        return given


class ConsentForm(forms.Form):
    """Read out and agreed to; of a child under 14 the guardian's document says who agrees."""

    guardian = forms.CharField(
        label=_("Guardian's document number"),
        max_length=40,
        required=False,
        help_text=_("For a child under 14."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": True}),
    )


class ChangeForm(forms.Form):
    """What a paper at the counter says has happened to the person."""

    kind = forms.ChoiceField(
        label=_("What has happened"),
        choices=PersonChange.Kind.choices,
        widget=UnfoldAdminSelectWidget(attrs={"autofocus": True}),
    )
    on = forms.DateField(label=_("On"), widget=_DAY)
    name = forms.CharField(
        label=_("New name"),
        max_length=100,
        required=False,
        help_text=_("Of who was renamed."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    source = forms.CharField(
        label=_("Proof"),
        max_length=80,
        help_text=_("Which paper, its number and who issued it; no personal data."),
        widget=UnfoldAdminTextInputWidget,
    )


class ComparisonForm(forms.Form):
    """A list of another authority."""

    file = forms.FileField(
        label=_("Comparison list"),
        help_text=_(
            "CSV in UTF-8 or GBK; taken whole or not at all. What it says is believed by another person."
        ),
        widget=UnfoldAdminFileFieldWidget,
    )
