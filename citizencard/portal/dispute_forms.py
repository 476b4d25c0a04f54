"""What a citizen says about a charge that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from citizencard.portal.forms import RefusableForm, YuanField
from settlement.models import DisputePolicy
from settlement.services.disputes import FILE_MAX


class StatementForm(RefusableForm):
    """Words, and a file if there is one; cleaned, `file` is its content or None."""

    about = "words"

    words = forms.CharField(
        label=_("What happened"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    file = forms.FileField(
        label=_("Picture or PDF, at most 2 MB (you need not)"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "application/pdf,image/jpeg,image/png"}),
    )

    def clean_file(self) -> bytes | None:
        """The content, unless it is larger than is read at all; what it is, the service looks at."""
        upload = self.cleaned_data["file"]
        if upload is None:
            return None
        if upload.size > FILE_MAX:
            raise forms.ValidationError(_("The file has more than 2 MB."))
        content: bytes = upload.read()
        return content


class _PartField(YuanField):
    """An amount that may be left out: 0 then."""

    def clean(self, value: Any) -> int:
        """Fen."""
        return super().clean(value) if value else 0


class DisputeForm(StatementForm):
    """What is wrong, and how much of the charge; the kinds are those that policies are in force for."""

    kind = forms.ChoiceField(label=_("What is wrong"), widget=forms.RadioSelect)
    amount_fen = _PartField(label=_("How much of it is wrong, in yuan (empty: all)"), required=False)
    field_order = ["kind", "amount_fen", "words", "file"]

    def __init__(self, policies: Iterable[DisputePolicy], data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)  # noqa: S101  for the type checker
        kind.choices = [(each.kind, each.get_kind_display()) for each in policies]
        if len(kind.choices) == 1:
            kind.initial = kind.choices[0][0]

    def clean_amount_fen(self) -> int | None:
        """Fen; None for all of it."""
        return self.cleaned_data["amount_fen"] or None
