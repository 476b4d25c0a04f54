"""What a citizen's pages show of documents, guardians and records that may be the same person."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Citizen
from citizencard.core.masks import mask_card
from citizencard.office.tables import Table, at, link


def alike_table(people: Sequence[Citizen]) -> Table:
    """Records that may be of one person, side by side."""
    return Table(
        _("May be the same person"),
        [pgettext_lazy("person", "name"), _("document number"), _("phone"), _("cards"), _("registered at")],
        [
            [
                link(each, each.name_mask),
                each.document_mask,
                each.phone_mask or "–",
                "、".join(
                    f"{card.product} {mask_card(card.pan)}" for card in each.cards.select_related("product")
                )
                or "–",
                at(each.registered_at),
            ]
            for each in people
        ],
    )


def guardian_tables(citizen: Citizen) -> list[Table]:
    """Guardians and wards; no table where there are none."""
    rows = [
        [
            said,
            link(getattr(each, side)),
            each.proof,
            at(each.appointed_at),
            at(each.ended_at),
            each.get_ended_because_display(),
        ]
        for kin, side, said in (
            (citizen.guardians, "guardian", _("guardian")),
            (citizen.wards, "ward", _("ward")),
        )
        for each in kin.select_related(side).order_by("ended_at", "pk")
    ]
    headers = [_("is"), _("person"), _("proof"), _("recorded at"), _("ended at"), _("ended because")]
    return [Table(_("Guardians and wards"), headers, rows)] if rows else []


def documents_table(citizen: Citizen) -> Table:
    """Every document the person was ever known by."""
    return Table(
        _("identity documents"),
        [
            _("document"),
            _("number"),
            _("nationality"),
            _("valid to"),
            _("source"),
            _("as of"),
            _("on the card"),
            _("ended at"),
        ],
        [
            [
                each.get_kind_display(),
                each.mask,
                each.nationality or "–",
                each.valid_to or "–",
                each.source,
                each.as_of,
                "✓" if each.main else "",
                at(each.ended_at),
            ]
            for each in citizen.documents.order_by("ended_at", "added_at")
        ],
    )
