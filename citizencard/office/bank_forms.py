"""What staff fill in about payouts and the bank."""

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

from citizencard.office.forms import ReasonForm, YuanField
from settlement.models import BankSource, SuspenseItem
from terminals.models import Merchant


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))


def _text(label: Any, length: int, help_text: Any = "") -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    return forms.CharField(label=label, max_length=length, help_text=help_text, widget=widget)


class DayForm(forms.Form):
    """A business date."""

    day = _day(_("Business date"))


class DatedForm(forms.Form):
    """From when on something holds, and on what it rests."""

    valid_from = _day(_("Valid from"))
    legal_basis = _text(_("Legal basis"), 200)


class PayoutAccountForm(DatedForm):
    """Where a merchant's money goes."""

    merchant = forms.ModelChoiceField(
        label=_("Merchant"), queryset=Merchant.objects.order_by("code"), widget=UnfoldAdminSelectWidget
    )
    holder = _text(_("Account holder"), 70)
    bank_code = _text(_("Bank code (CNAPS)"), 12, _("The 12 digits of the branch."))
    number = _text(_("Account number"), 32)


class PayoutPolicyForm(DatedForm):
    """From which total on a batch needs two approvals."""

    second_approval_from_fen = YuanField(label=_("Second approval from (yuan)"))


class BankSourceForm(DatedForm):
    """Whose receipts settle which claim."""

    begins_with = _text(_("Prefix of the reference"), 20, _("Capital letters, digits and hyphens."))
    chart = forms.ChoiceField(
        label=_("Chart account"),
        choices=BankSource._meta.get_field("chart").flatchoices,
        widget=UnfoldAdminSelectWidget,
    )


class BankFileForm(forms.Form):
    """A file from the bank: looked through first, taken when `take` is ticked."""

    file = forms.FileField(
        label=_("File of the bank"),
        help_text=_("Statement camt.053.001.08 or status report pain.002.001.10, as XML."),
        widget=UnfoldAdminFileFieldWidget,
    )
    take = forms.BooleanField(
        label=_("Take it"),
        required=False,
        help_text=_("Not ticked: the file is only shown. It is taken whole or not at all."),
        widget=UnfoldBooleanWidget,
    )


class ResolutionForm(ReasonForm):
    """To which account an item goes."""

    target = _text(_("Ledger account"), 40, _("Its code, e.g. 1013.zhongshan or 6003."))


class AssignForm(forms.Form):
    """Who looks after an item."""

    owner = forms.ChoiceField(
        label=_("Owner"), choices=SuspenseItem.Owner.choices, widget=UnfoldAdminSelectWidget
    )
    assignee = forms.CharField(
        label=_("Assigned to"), max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )
