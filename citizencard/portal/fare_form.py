"""The public calculator's form: what a ride is, in words; `asked` is what the selector takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from terminals.fares.book import Book
from terminals.fares.documents import Document
from terminals.fares.journeys import PairFare, SectionFare
from terminals.fares.words import named

_NOBODY: Final = ("", "–")
MINUTES_MAX: Final = 10_080
"""A week: no stay in the calculator is longer."""


class FareForm(forms.Form):
    """A ride as people describe it; only the tariff has to be said."""

    tariff = forms.ChoiceField(label=_("Tariff"))
    entry = forms.ChoiceField(label=_("Entry stop"), required=False)
    leaving = forms.ChoiceField(label=_("Exit stop"), required=False)
    start = forms.DateTimeField(
        label=_("When"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    minutes = forms.IntegerField(
        label=_("Minutes of the ride or stay"), required=False, min_value=0, max_value=MINUTES_MAX
    )
    kilometres = forms.DecimalField(
        label=_("Kilometres (taxi)"),
        required=False,
        min_value=0,
        max_value=1000,
        max_digits=6,
        decimal_places=2,
    )
    waiting = forms.IntegerField(
        label=_("Minutes of waiting (taxi)"), required=False, min_value=0, max_value=MINUTES_MAX
    )
    category = forms.ChoiceField(label=_("Concession"), required=False)
    after = forms.ChoiceField(label=_("Changing from"), required=False)
    after_minutes = forms.IntegerField(
        label=_("Minutes since that ride"), required=False, min_value=0, max_value=MINUTES_MAX
    )

    def __init__(self, book: Book, categories: Iterable[tuple[str, str]], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        language, today = get_language() or "", timezone.localdate()
        tariffs = list(book.in_force("tariff", today))
        names = [(item.id, named(item.name, language)) for item in tariffs]
        stops = [_NOBODY, *_stops(tariffs, language)]
        self._offer("tariff", names)
        self._offer("entry", stops)
        self._offer("leaving", stops)
        self._offer("category", [("", _("none")), *categories])
        self._offer("after", [("", _("no other ride")), *names])

    def _offer(self, name: str, choices: Sequence[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def asked(self) -> dict[str, str]:
        """What the calculator is asked; the form is valid."""
        given = self.cleaned_data
        start = given["start"] or timezone.localtime().replace(second=0, microsecond=0)
        said = {"tariff": given["tariff"], "start": start.isoformat(), "categories": given["category"]}
        # A stop of another tariff was left over from before.
        said |= {
            name: given[name].partition("|")[2]
            for name in ("entry", "leaving")
            if given[name].startswith(f"{given['tariff']}|")
        }
        if given["minutes"] is not None or said.get("leaving"):
            said["end"] = (start + timedelta(minutes=given["minutes"] or 0)).isoformat()
        if given["kilometres"] is not None:
            said["metres"] = str(int(given["kilometres"] * 1000))
        if given["waiting"] is not None:
            said["waiting_s"] = str(given["waiting"] * 60)
        if given["after"]:
            before = start - timedelta(minutes=given["after_minutes"] or 0)
            said |= {"after": given["after"], "after_line": "?", "after_at": before.isoformat()}
        return said


def _stops(tariffs: Iterable[Document], language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Stops of the tariffs that go by stops, in groups; a choice carries its tariff."""
    groups = []
    for item in tariffs:
        if isinstance(item.body, PairFare):
            stops = list(item.body.stations.items())
        elif isinstance(item.body, SectionFare):
            stops = [(stop, stop) for stop in item.body.sections]
        else:
            continue
        groups.append((named(item.name, language), [(f"{item.id}|{code}", name) for code, name in stops]))
    return groups
