"""What is counted of cash, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import StockPlace
from accounts.services.drawers import DENOMINATIONS_FEN
from citizencard.core.money import format_yuan

_HALLS: Final = StockPlace.objects.filter(kind=StockPlace.Kind.HALL).order_by("code")


class _PiecesWidget(forms.MultiWidget):
    """One small field for each note and coin."""

    template_name = "office/pieces.html"

    def __init__(self) -> None:
        marks = {"inputmode": "numeric", "autocomplete": "off"}
        super().__init__(
            {
                str(worth): UnfoldAdminTextInputWidget(attrs=marks | {"title": f"¥{format_yuan(worth)}"})
                for worth in DENOMINATIONS_FEN
            }
        )

    def decompress(self, value: Any) -> Sequence[Any]:
        """Nothing is filled in beforehand: every count is a new one."""
        return [None] * len(DENOMINATIONS_FEN)


class PiecesField(forms.MultiValueField):
    """How many there are of each note and coin; what is left empty is none. Cleaned: worth in fen → number."""

    widget = _PiecesWidget

    def __init__(self, **words: Any) -> None:
        numbers = [
            forms.IntegerField(min_value=0, max_value=99_999, required=False) for _worth in DENOMINATIONS_FEN
        ]
        super().__init__(fields=numbers, require_all_fields=False, required=False, **words)

    def compress(self, data_list: Sequence[int | None]) -> dict[int, int]:
        """By worth."""
        return {worth: number or 0 for worth, number in zip(DENOMINATIONS_FEN, data_list, strict=False)}


class CountForm(forms.Form):
    """The drawer's whole cash, the float included."""

    pieces = PiecesField(
        label=_("Notes and coins"),
        help_text=_(
            "Count everything that is in the drawer, the float included. What should be there is told afterwards."
        ),
    )


class OpenDrawerForm(forms.Form):
    """The hall the clerk stands in, and the float that was handed out."""

    hall = forms.ModelChoiceField(
        _HALLS,
        label=_("Service hall"),
        widget=UnfoldAdminSelectWidget,
    )
    pieces = PiecesField(label=_("Float"), help_text=_("Count the change money that you were handed."))

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        known = _HALLS.all()[:2]
        if len(known) == 1:
            self.initial["hall"] = known[0]
