"""What a clerk fills in at the desk; every first field has the focus, so that hands stay on the keyboard."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import CardProduct
from accounts.selectors.issuing import products_on_sale
from accounts.services.citizens import COUNTER
from accounts.services.papers import Paper, read_paper
from citizencard.core.errors import InvalidField
from citizencard.office.people_forms import CitizenForm, ConsentForm, PaperForm


class SearchForm(forms.Form):
    """Who or what is looked for; it travels in the body, never in an address."""

    text = forms.CharField(
        label=_("Document, telephone, whole name or card number"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false", "data-search": True}
        ),
    )


class ProductForm(forms.Form):
    """Which card somebody wants."""

    product = forms.ModelChoiceField(
        queryset=CardProduct.objects.none(),
        label=_("Card product"),
        empty_label=None,
        widget=UnfoldAdminSelectWidget(attrs={"autofocus": True}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["product"].queryset = products_on_sale()  # type: ignore[attr-defined]


class BeginForm(ProductForm, PaperForm):
    """The card wanted and the document on the counter; cleaned, `paper` is the document, None for an anonymous card."""

    field_order = ["product"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["document_number"].required = False
        self.fields["document_kind"].widget.attrs.pop("autofocus", None)

    def clean(self) -> dict[str, Any]:
        """Read the document where the product needs one."""
        given: dict[str, Any] = super().clean() or {}
        product = given.get("product")
        given["paper"] = self._read(given) if product and product.real_name and not self.errors else None
        return given

    def _read(self, given: dict[str, Any]) -> Paper | None:
        try:
            return read_paper(
                given["document_kind"],
                given["document_number"],
                given["nationality"],
                given["valid_to"],
                COUNTER,
            )
        except InvalidField as refusal:
            self.add_error(refusal.data["field"], str(refusal.data["reason"]))
            return None


class KnownPersonForm(forms.Form):
    """The clerk has compared somebody known with the document."""

    same = forms.BooleanField(
        label=_("The person before me is the one on the document"),
        widget=UnfoldBooleanWidget(attrs={"autofocus": True}),
    )


class NewPersonForm(CitizenForm):
    """Somebody who is not on record; `is_new` is asked for where people of the same name are."""

    is_new = forms.BooleanField(label=_("None of these people"), required=False, widget=forms.HiddenInput)
    document_kind = document_number = nationality = valid_to = consent = None  # type: ignore[assignment]
    field_order = ["name", "phone", "birth_date"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autofocus"] = True

    def ask_whether_new(self) -> None:
        """People of this name are shown: is it none of them?"""
        self.fields["is_new"].widget = UnfoldBooleanWidget()


class AgreeForm(ConsentForm):
    """Read out and agreed to."""

    agreed = forms.BooleanField(
        label=_("Read out, understood and agreed to"), widget=UnfoldBooleanWidget(attrs={"autofocus": True})
    )
    field_order = ["agreed"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["guardian"].widget.attrs.pop("autofocus", None)


class PhotoForm(forms.Form):
    """The holder's photograph."""

    photo = forms.FileField(
        label=_("Photograph"),
        help_text=_("JPEG or PNG, upright, at least 358 × 441 pixels, at most 5 MB."),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/jpeg,image/png", "autofocus": True}),
    )


class PinForm(forms.Form):
    """The card's PIN, which its holder types twice; it goes onto the chip and is kept nowhere."""

    pin = forms.RegexField(
        r"^\d{6}$",
        label=_("PIN of the card, typed by the holder"),
        help_text=_("Six digits; they go onto the chip and are kept nowhere else."),
        widget=UnfoldAdminPasswordWidget(
            attrs={"inputmode": "numeric", "maxlength": 6, "autocomplete": "new-password", "autofocus": True}
        ),
    )
    again = forms.CharField(
        label=_("The same PIN again"),
        widget=UnfoldAdminPasswordWidget(
            attrs={"inputmode": "numeric", "maxlength": 6, "autocomplete": "new-password"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        """Both are the same, and not what everybody tries first."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("pin") and given["pin"] != given.get("again"):
            self.add_error("again", _("The two PINs differ."))
        elif len(set(given.get("pin", "ok"))) == 1:
            self.add_error("pin", _("Six equal digits are no PIN."))
        return given


class ReasonLineForm(forms.Form):
    """Why a card is spoiled or an application cancelled."""

    reason = forms.CharField(
        label=_("Reason"), max_length=100, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )
