"""The log of proved dates: its heads as they are published, what is still to be proved, and consistency between two sizes."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from citizencard.core.errors import NotFound
from citizencard.core.models import BusinessDay
from settlement.merkle import consistency_of, log_leaf
from settlement.models import ProofHead, SettlementFiles
from settlement.models.proofs import canonical, key_id
from terminals.models import CentreKey


def newest_head() -> ProofHead | None:
    """The head of the whole log, or None before the first date is proved."""
    return ProofHead.objects.select_related("previous").order_by("-size").first()


def proved_until() -> date:
    """The newest proved business date; all before it are proved as well."""
    newest = newest_head()
    return newest.business_date if newest else date.min


def unproved_days() -> list[date]:
    """Sealed business dates without a head, oldest first."""
    proved = ProofHead.objects.values("business_date")
    sealed = BusinessDay.objects.filter(state=BusinessDay.State.CLOSED).exclude(date__in=proved)
    return list(sealed.order_by("date").values_list("date", flat=True))


def next_provable_day(*, after: date) -> date | None:
    """The business date that follows `after`, if it is sealed: what comes later waits for it."""
    following = BusinessDay.objects.filter(date__gt=after).order_by("date").first()
    sealed = following is not None and following.state == BusinessDay.State.CLOSED
    return following.date if following and sealed else None


def log_leaves(*, size: int | None = None) -> list[bytes]:
    """The leaves of the log, of its first `size` dates or of all."""
    heads = ProofHead.objects.order_by("size")
    return [log_leaf(canonical(head.entry)) for head in heads[:size]]


def published(head: ProofHead) -> dict[str, Any]:
    """A head as anybody gets it."""
    return {"head": head.content, "signature": bytes(head.signature).hex()}


def published_heads(*, after: int, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` heads of more than `after` dates, in order."""
    heads = ProofHead.objects.select_related("previous").filter(size__gt=after).order_by("size")
    return [published(head) for head in heads[:limit]]


def consistency(*, before: int, size: int) -> dict[str, Any]:
    """That the log of `size` dates begins with the one of `before`. Raises NotFound for sizes that are none."""
    newest = newest_head()
    if newest is None or not 0 < before <= size <= newest.size:
        raise NotFound(what=_("A log of %(size)s dates") % {"size": max(before, size)})
    heads = ProofHead.objects.select_related("previous").in_bulk([before, size])
    proof = consistency_of(log_leaves(size=size), before)
    return {
        "kind": "consistency",
        "old": published(heads[before]),
        "new": published(heads[size]),
        "proof": [node.hex() for node in proof],
    }


def published_keys() -> dict[str, Any]:
    """Every public key that heads or manifests were signed with, by the seeds that there have been."""
    keys = []
    for seed in CentreKey.objects.order_by("number").values_list("seed", flat=True):
        for purpose, signed in (
            ("tree_head", ProofHead.objects),
            ("settlement_file", SettlementFiles.objects),
        ):
            for key in signed.filter(seed=seed).order_by("seed").values_list("public_key", flat=True)[:1]:
                found = bytes(key)
                keys.append({"purpose": purpose, "key_id": key_id(found), "public_key": found.hex()})
    return {"kind": "keys", "keys": keys}
