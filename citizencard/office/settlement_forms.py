"""What finance fills in: contracts, a year's calendar, a rule as a file, adjustments."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from citizencard.core.errors import InvalidField
from citizencard.core.money import parse_yuan
from citizencard.office.forms import YuanField
from settlement.models import Adjustment, Contract, Proposal
from settlement.services.rules.years import read_lines
from terminals.models import Merchant

_UNREADABLE = _("Line %(line)d cannot be read: %(text)s")


def _line(**more: Any) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", **more})


class MerchantField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when it runs
    """A merchant, chosen by name."""

    def __init__(self) -> None:
        super().__init__(
            Merchant.objects.order_by("code"), label=_("Merchant"), widget=UnfoldAdminSelectWidget
        )

    def label_from_instance(self, obj: Any) -> str:
        """With the code, as names repeat."""
        return f"{obj.code} · {obj.name}"


class ContractForm(forms.Form):
    """A contract; `content` is what the service reads. Bands and shares are lines, so that they need no script."""

    merchant = MerchantField()
    number = forms.CharField(label=_("Contract number"), max_length=40, widget=_line())
    valid_from = forms.DateField(label=_("Valid from"), widget=_line(type="date"))
    valid_until = forms.DateField(
        label=_("Valid until"), required=False, help_text=_("Empty: open."), widget=_line(type="date")
    )
    legal_basis = forms.CharField(label=_("Legal basis"), max_length=200, widget=_line())
    measure = forms.ChoiceField(
        label=_("Fee measured by"), choices=Contract.Measure.choices, widget=UnfoldAdminSelectWidget
    )
    period = forms.ChoiceField(
        label=_("Fee counted per"), choices=Contract.Period.choices, widget=UnfoldAdminSelectWidget
    )
    bands = forms.CharField(
        label=_("Fee bands"),
        help_text=_(
            "A line each: above how many yuan, or transactions, and the price in 1/10,000, or in fen each. One line “0 30” is a rate of 0.30 %."
        ),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
    minimum = YuanField(label=_("Least fee of a period (yuan)"), required=False)
    maximum = YuanField(label=_("Highest fee of a period (yuan)"), required=False)
    settle_days = forms.IntegerField(
        label=_("Settled after (working days)"), min_value=0, initial=1, widget=_line(type="number")
    )
    split = forms.ChoiceField(
        label=_("Split"), choices=Contract.Split.choices, required=False, widget=UnfoldAdminSelectWidget
    )
    shares = forms.CharField(
        label=_("Shares"),
        required=False,
        help_text=_("A line each: a merchant's code, and its weight in 1/10,000; together 10000."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    def clean(self) -> dict[str, Any]:
        """With `content`, unless a field is wrong already."""
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            given["content"] = self._content(given)
        return given

    def _content(self, given: dict[str, Any]) -> dict[str, Any]:
        floor = parse_yuan if given["measure"] == Contract.Measure.GROSS else int
        content = {
            "merchant": given["merchant"].code,
            "valid_from": given["valid_from"].isoformat(),
            "valid_until": given["valid_until"] and given["valid_until"].isoformat(),
            "bands": self._pairs("bands", "floor", floor, "price"),
            "minimum_fen": given["minimum"] or None,
            "maximum_fen": given["maximum"] or None,
            "shares": self._pairs("shares", "merchant", str, "weight"),
        }
        plain = ("number", "legal_basis", "measure", "period", "settle_days", "split")
        return content | {name: given[name] for name in plain}

    def _pairs(self, field: str, first: str, read: Any, second: str) -> list[dict[str, Any]]:
        """The lines of a field as objects; a line that cannot be read is the field's error."""
        pairs = []
        for number, text in enumerate(self.cleaned_data[field].splitlines(), start=1):
            try:
                left, right = text.split()
                pairs.append({first: read(left), second: int(right)})
            except ValueError:
                wrong = forms.ValidationError(_UNREADABLE, params={"line": number, "text": text})
                self.add_error(field, wrong)
        return pairs


class CalendarForm(forms.Form):
    """A year of the settlement calendar; cleaned, `file` is its lines."""

    year = forms.IntegerField(label=_("Year"), min_value=2000, max_value=2199, widget=_line(type="number"))
    notice = forms.CharField(label=_("Notice of the State Council"), max_length=100, widget=_line())
    file = forms.FileField(
        label=_("Calendar file"),
        help_text=_(
            "CSV in UTF-8 with the columns from, until, kind (holiday or makeup), name; other dates go by the day of the week."
        ),
        widget=UnfoldAdminFileFieldWidget,
    )

    def clean_file(self) -> list[dict[str, str]]:
        """The lines; what is in them is checked where they are proposed."""
        try:
            return read_lines(self.cleaned_data["file"].read().decode("utf-8-sig"))
        except (UnicodeDecodeError, InvalidField) as error:
            raise forms.ValidationError(str(error)) from error


class RuleForm(forms.Form):
    """A rule of any kind as JSON."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Proposal.Kind.choices, widget=UnfoldAdminSelectWidget)
    file = forms.FileField(
        label=_("Rule"),
        help_text=_("JSON; in force once another person approves."),
        widget=UnfoldAdminFileFieldWidget,
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False, widget=_line())

    def clean_file(self) -> Any:
        """The JSON value; what is in it is checked where it is proposed."""
        try:
            return json.loads(self.cleaned_data["file"].read())
        except ValueError as error:
            raise forms.ValidationError(
                _("The file is no JSON: %(error)s."), params={"error": error}
            ) from error


class AdjustmentForm(forms.Form):
    """What a merchant is owed more or less, and why."""

    merchant = MerchantField()
    direction = forms.TypedChoiceField(
        label=_("The merchant is owed"),
        choices=[("1", _("more")), ("-1", _("less"))],
        coerce=int,
        widget=UnfoldAdminSelectWidget,
    )
    amount = YuanField(label=_("Amount (yuan)"))
    against = forms.ChoiceField(
        label=_("Borne by account"),
        choices=[(each.value, f"{each.value} {each.label}") for each in Adjustment.AGAINST],
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[each for each in Adjustment.Reason.choices if each[0] != Adjustment.Reason.REVERSAL],
        widget=UnfoldAdminSelectWidget,
    )
    evidence = forms.CharField(
        label=_("Evidence"), max_length=100, help_text=_("Number of the document on file."), widget=_line()
    )


class EvidenceForm(forms.Form):
    """The document that a reversal rests on."""

    evidence = forms.CharField(
        label=_("Evidence"), max_length=100, help_text=_("Number of the document on file."), widget=_line()
    )


class MonthForm(forms.Form):
    """A month; cleaned, `month` is its first day."""

    month = forms.DateField(label=_("Month"), input_formats=["%Y-%m"], widget=_line(type="month"))
