"""Fare documents as tables: what they say, what stands against them, and what they change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from citizencard.core.calendar import shanghai
from citizencard.office.tables import Table, columns, link, yuan
from terminals.fares.charge import Charge
from terminals.fares.documents import LANGUAGES
from terminals.fares.words import named, sentence
from terminals.models import FareDocument, FareProposal
from terminals.selectors.fare_checks import FareProblem, check_documents
from terminals.selectors.fare_preview import Preview, preview_fares
from terminals.selectors.fares import fare_book

PROBLEMS: Final = 200


def content_table(content: Mapping[str, Any]) -> Table:
    """A document word by word."""
    parts = [(key, value) for key, value in content.items() if key != "body"]
    parts += [(f"body.{key}", value) for key, value in content.get("body", {}).items()]
    title = f"{content.get('id')} v{content.get('version')}"
    return Table(title, [_("field"), _("content")], [[key, _shown(value)] for key, value in parts])


def proposed_table(proposal: FareProposal) -> Table:
    """The documents in short; published ones as links."""
    published = {(each.code, each.version): each for each in proposal.published.all()}
    rows = []
    for each in proposal.documents:
        key = each.get("id"), each.get("version")
        row = published.get(key)
        sort = FareDocument.Sort(each["document"]).label if each.get("document") in FareDocument.Sort else ""
        rows.append(
            [
                link(row, key[0]) if row else key[0],
                sort,
                key[1],
                each.get("valid_from"),
                each.get("valid_until") or "–",
            ]
        )
    return Table(
        _("Documents"),
        [_("code"), _("sort"), _("version"), _("valid from"), _("valid until")],
        rows,
        columns(2),
    )


def problems_table(problems: Iterable[FareProblem]) -> Table:
    """Everything that stands against publishing."""
    rows = [[each.document, each.field, each.rule] for each in list(problems)[:PROBLEMS]]
    return Table(
        _("What stands against it"),
        [_("document"), _("field"), _("rule")],
        rows,
        note=_("At most %(limit)s.") % {"limit": PROBLEMS},
    )


def preview_table(proposal: FareProposal) -> list[Table]:
    """What stands against a proposal as things are, else what sample rides would cost."""
    today = shanghai(timezone.now()).date()
    checked = check_documents(proposal.documents, today=today, reason=proposal.reason)
    if checked.problems:
        return [problems_table(checked.problems)]
    found = preview_fares(documents=checked.documents, before=fare_book(), after=checked.book)
    return [
        Table(
            _("What sample rides cost"),
            [_("tariff"), _("ride"), _("holder"), _("before"), _("after"), _("change")],
            [_preview(each) for each in found],
            columns(3, 4, 5),
            note=_("On %(date)s, each alone on its day.") % {"date": found[0].day} if found else "",
        )
    ]


def _preview(row: Preview) -> list[object]:
    language = _language()
    charge = row.after or row.before
    ride = sentence(charge.steps[0].message, charge.steps[0].values, language) if charge else "–"
    if row.sample.after:
        ride += " · " + gettext("changing from %(tariff)s") % {"tariff": row.sample.after}
    holder = ", ".join(row.sample.categories) or gettext("anybody")
    change = row.after.amount_fen - row.before.amount_fen if row.after and row.before else None
    return [
        named(row.tariff.name, language),
        ride,
        holder,
        _price(row.before),
        _price(row.after),
        "–" if change is None else f"{'+' if change > 0 else ''}{change / 100:.2f}",
    ]


def _price(charge: Charge | None) -> str:
    return yuan(charge.amount_fen) if charge else "–"


def _language() -> str:
    """The language of the derivations' words that is nearest to the reader's."""
    wanted = (get_language() or "").lower()
    return next((known for known in LANGUAGES if known.lower() == wanted), LANGUAGES[0])


def _shown(value: object) -> object:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return format_html("<code>{}</code>", text) if "\n" not in text else format_html("<pre>{}</pre>", text)
