"""Every table that knows a person: what of it they are given, and what becomes of it when they are erased.

The foreign keys say which tables there are; this page has to have a word for each of them, which a test sees to.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Final

from django.apps import apps
from django.db.models import Model, Q, QuerySet

from accounts.models import Citizen


class Fate(StrEnum):
    """What erasure does with a table's rows."""

    EMPTIED = "emptied"
    """Stays as a row without a person: what identified them is destroyed."""
    REMOVED = "removed"
    ENDED = "ended"
    """Stays as a fact of before, ended, with the pseudonym."""
    KEPT = "kept"
    """Stays by law with the pseudonym: books, evidence, proof of consent, what was asked and answered."""


FATES: Final[dict[str, Fate]] = {
    "accounts.Citizen": Fate.EMPTIED,
    "accounts.IdentityDocument": Fate.EMPTIED,
    "accounts.User": Fate.EMPTIED,
    "accounts.Notice": Fate.REMOVED,
    "accounts.Consent": Fate.ENDED,
    "accounts.FamilyLink": Fate.ENDED,
    "accounts.Guardianship": Fate.ENDED,
    "accounts.IssueRow": Fate.EMPTIED,
    "accounts.IssueApplication": Fate.EMPTIED,
    "accounts.PersonChange": Fate.EMPTIED,
    **dict.fromkeys(
        (
            "accounts.ActivationLock", "accounts.Card", "accounts.Concession", "accounts.CardDamage", "accounts.CardEvent", "accounts.CardFlag", "accounts.Compensation",
            "accounts.CreditReturn", "accounts.DataAccess", "accounts.DisputedCharge", "accounts.GatewayRefund",
            "accounts.Hold", "accounts.Mandate", "accounts.MandateCollection", "accounts.Pass",
            "accounts.PassLapse", "accounts.PassUse", "accounts.Payment", "accounts.PaymentRefund", "accounts.PersonMerge",
            "accounts.Purse", "accounts.Refund", "accounts.RefundPart", "accounts.Registration", "accounts.Replacement", "accounts.RiskAlert",
            "accounts.StockItem", "accounts.StockLine", "accounts.SubsidyLine", "accounts.TopUpDifference",
            "accounts.TopUpOrder", "admin.LogEntry", "privacy.AccessQuestion", "privacy.CorrectionRequest", "privacy.ErasureRequest", "privacy.LegalHold", "settlement.Dispute",
            "settlement.DisputeDecision", "settlement.DisputeEvidence", "staff.AuthenticatorApp", "staff.RecoveryCode",
            "staff.SecurityKey", "staff.StaffSession", "staff.StartingCode", "terminals.BureauLine",
            "terminals.CardCertificate", "terminals.ClaimResolution", "terminals.Grey", "terminals.GreyStep",
            "terminals.HotListAppeal", "terminals.IdentityCheck", "terminals.LossReport", "terminals.PurchaseReturn", "terminals.Ride",
            "terminals.WaitingPurchase",
        ),
        Fate.KEPT,
    ),
}  # fmt: skip
WITHHELD: Final[dict[str, str]] = {
    "accounts.RiskAlert": "how fraud is looked for (Anti-Telecom Fraud Law, article 18)",
    "accounts.CardFlag": "how fraud is looked for (Anti-Telecom Fraud Law, article 18)",
    "accounts.PersonMerge": "about two people's records, and staff",
    "accounts.StockItem": "where the card lay before it was theirs",
    "accounts.StockLine": "where the card lay before it was theirs",
    "accounts.IssueRow": "a list of somebody else's; what became of it is in the card",
    "accounts.TopUpDifference": "the city's reconciliation with the gateway",
    "accounts.ActivationLock": "how guessing is counted",
    "admin.LogEntry": "of staff",
    **dict.fromkeys(
        (
            "staff.AuthenticatorApp",
            "staff.RecoveryCode",
            "staff.SecurityKey",
            "staff.StaffSession",
            "staff.StartingCode",
        ),
        "of staff",
    ),
    "privacy.LegalHold": "of a court or an inquiry",
    "settlement.DisputeDecision": "between staff; the outcome is in the dispute",
    "terminals.BureauLine": "of the printing bureau",
    "terminals.CardCertificate": "stands on the chip",
    "terminals.ClaimResolution": "between staff; the outcome is in the card's money",
    "terminals.Grey": "how fraud is looked for (Anti-Telecom Fraud Law, article 18)",
    "terminals.GreyStep": "how fraud is looked for (Anti-Telecom Fraud Law, article 18)",
}
"""What a copy leaves out, and why."""
_OF_OTHERS: Final = frozenset({"payer"})
"""Through whom a row may be another person's as well; only the link itself and the order are then one's own."""
_FIRST_HAND: Final = frozenset({"accounts.FamilyLink", "accounts.TopUpOrder"})


@cache
def tables() -> dict[type[Model], tuple[str, ...]]:
    """Each model that knows a person with the look-ups that lead to them, found along the foreign keys."""
    paths: dict[type[Model], tuple[str, ...]] = {Citizen: ("pk",)}
    edge: list[type[Model]] = [Citizen]
    while edge:
        parent = edge.pop(0)
        for model in apps.get_models():
            keys = [
                field.name
                for field in model._meta.concrete_fields
                if field.related_model is parent and model is not parent
            ]
            if keys and model not in paths:
                edge.append(model)
            ways = paths[parent] if parent is not Citizen else ("",)
            paths_of = [f"{key}__{way}".rstrip("_") for key in keys for way in ways]
            if paths_of:
                paths[model] = (*paths.get(model, ()), *paths_of)
    return paths


def rows_of(citizen: Citizen, model: type[Model]) -> QuerySet[Model]:
    """The person's own rows of a table; what they only paid for is somebody else's."""
    ways = Q(pk__in=[])
    for path in tables()[model]:
        if model._meta.label in _FIRST_HAND or not _OF_OTHERS & set(path.split("__")):
            ways |= Q(**{path: citizen.pk})
    return model._default_manager.filter(ways).distinct().order_by("pk")
