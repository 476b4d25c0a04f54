"""What clerks and deciders fill in about a dispute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from citizencard.core.money import format_yuan
from citizencard.office.forms import ReasonForm, YuanField
from citizencard.office.tables import at
from settlement.models import DisputeDecision, DisputeEvidence, DisputeKind
from settlement.selectors.dispute_charges import Recent

Bearer, Outcome, Party = DisputeDecision.Bearer, DisputeDecision.Outcome, DisputeEvidence.Party


class EvidenceForm(forms.Form):
    """Words, and a file if there is one; cleaned, `file` is its content or None."""

    words = forms.CharField(
        label=_("Statement"),
        max_length=2000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    file = forms.FileField(
        label=_("Evidence"),
        required=False,
        help_text=_("PDF, JPEG or PNG of at most 2 MB. It is kept sealed."),
        widget=UnfoldAdminFileFieldWidget,
    )

    def clean_file(self) -> bytes | None:
        """The content; what it is, the service looks at."""
        upload = self.cleaned_data["file"]
        content: bytes | None = None if upload is None else upload.read()
        return content


class PartyEvidenceForm(EvidenceForm):
    """Evidence of any side, as it came to the counter or by post."""

    party = forms.ChoiceField(label=_("Brought by"), choices=Party.choices, widget=UnfoldAdminSelectWidget)
    field_order = ["party"]


class DisputeForm(EvidenceForm):
    """Which of the card's charges is disputed, why, and how much of it."""

    kind = forms.ChoiceField(
        label=_("What is wrong"), choices=DisputeKind.choices, widget=UnfoldAdminSelectWidget
    )
    amount = YuanField(
        label=_("Disputed (yuan)"),
        required=False,
        help_text=_("Empty: all that is left of the charge."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(self, charges: Sequence[Recent], *args: Any) -> None:
        super().__init__(*args)
        by_key = {f"{each.what}-{each.source_id}": each for each in charges}
        charge = forms.TypedChoiceField(
            label=_("Charge"),
            choices=[(key, _described(each)) for key, each in by_key.items()],
            coerce=by_key.__getitem__,
            widget=UnfoldAdminSelectWidget,
        )
        self.fields = {
            "charge": charge,
            **{name: self.fields[name] for name in ("kind", "amount", "words", "file")},
        }


class DecisionForm(ReasonForm):
    """For whom, who bears it, and the reason, which the holder reads."""

    outcome = forms.ChoiceField(
        label=_("Decision"),
        choices=[(each.value, each.label) for each in (Outcome.GRANT, Outcome.REFUSE)],
        widget=UnfoldAdminSelectWidget,
    )
    bearer = forms.ChoiceField(
        label=_("Borne by"),
        required=False,
        choices=Bearer.choices,
        help_text=_("Only where it is decided for the holder."),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ["outcome", "bearer", "reason"]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.fields["reason"].help_text = _("The holder reads this reason.")


class FileForm(ReasonForm):
    """Which file to open, and why; the cleaned value is the piece of evidence."""

    def __init__(self, pieces: Sequence[DisputeEvidence], *args: Any) -> None:
        super().__init__(*args)
        by_key = {str(each.pk): each for each in pieces}
        piece = forms.TypedChoiceField(
            label=_("File"),
            choices=[
                (key, f"{each.get_party_display()} · {at(each.filed_at)} · {each.get_file_kind_display()}")
                for key, each in by_key.items()
            ],
            coerce=by_key.__getitem__,
            widget=UnfoldAdminSelectWidget,
        )
        self.fields = {"piece": piece, **self.fields}


def _described(charge: Recent) -> str:
    return (
        f"{at(charge.occurred_at)} · ¥{format_yuan(charge.amount_fen)} · {charge.what.label} · {charge.party}"
    )
