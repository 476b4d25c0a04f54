"""What staff fill in about cards as goods: ranges of numbers, places, orders, lists of people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import CardProduct, StockPlace, StockProposal
from citizencard.office.forms import ReasonForm

Kind = StockPlace.Kind


class PlaceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the places, of certain kinds only where `kinds` says so."""

    widget = UnfoldAdminSelectWidget

    def __init__(self, *kinds: str, **options: Any) -> None:
        places = StockPlace.objects.order_by("code")
        super().__init__(places.filter(kind__in=kinds) if kinds else places, empty_label=None, **options)


class ProductField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the card products."""

    widget = UnfoldAdminSelectWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(
            CardProduct.objects.order_by("code"), label=_("Card product"), empty_label=None, **options
        )


class _RangeForm(forms.Form):
    """Cards by their numbers, both ends included; a single card by its number alone."""

    first = forms.CharField(
        label=_("First card number"),
        max_length=19,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autofocus": True, "inputmode": "numeric", "autocomplete": "off"}
        ),
    )
    last = forms.CharField(
        label=_("Last card number"),
        max_length=19,
        required=False,
        help_text=_("Empty: only the first."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        """A single card is a range of one."""
        given: dict[str, Any] = super().clean() or {}
        given["last"] = given.get("last") or given.get("first", "")
        return given


class SendForm(_RangeForm):
    """Cards that leave for another place."""

    source = PlaceField(label=_("From"))
    target = PlaceField(label=_("To"))


class LostForm(_RangeForm, ReasonForm):
    """Cards that are gone."""

    place = PlaceField(label=_("Place that answers for them"))
    field_order = ["place", "first", "last", "reason"]


class StockProposalForm(_RangeForm, ReasonForm):
    """Cards to be scrapped, or found again."""

    kind = forms.ChoiceField(
        label=_("What"), choices=StockProposal.Kind.choices, widget=UnfoldAdminSelectWidget
    )
    place = PlaceField(label=_("Place"))
    field_order = ["kind", "place", "first", "last", "reason"]


class _DeadlineForm(forms.Form):
    """For which hall, and until when."""

    hall = PlaceField(Kind.HALL, label=_("For the hall"))
    deadline = forms.DateField(
        label=_("Wanted by"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )


class CardOrderForm(_DeadlineForm):
    """Cards to be made, nobody's yet."""

    product = ProductField()
    quantity = forms.IntegerField(
        label=_("Cards"),
        min_value=1,
        max_value=10_000,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "number"}),
    )
    field_order = ["product", "quantity", "hall", "deadline"]


class BureauForm(forms.Form):
    """Who makes the cards."""

    bureau = PlaceField(Kind.BUREAU, label=_("Bureau"))


class IssueFileForm(_DeadlineForm, BureauForm):
    """A school's or company's list; `only_check` takes nothing."""

    file = forms.FileField(
        label=_("List of people"),
        help_text=_("XLSX: 姓名, 证件类型, 证件号码, 手机号, 同意; taken whole or not at all."),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xlsx"}),
    )
    product = ProductField()
    organisation = forms.CharField(label=_("Organisation"), max_length=100, widget=UnfoldAdminTextInputWidget)
    only_check = forms.BooleanField(label=_("Only check"), required=False, widget=UnfoldBooleanWidget)
    field_order = ["file", "product", "organisation", "hall", "bureau", "deadline", "only_check"]
