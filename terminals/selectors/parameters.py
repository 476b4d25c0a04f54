"""What terminals go by besides prices and lists: limits and rhythms, by the policy of the date."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Q

from terminals.models import HotListPolicy, ParameterPolicy


def parameter_policy(kind: str, on: date) -> ParameterPolicy | None:
    """The policy in force for a kind of terminal: its own, else that of all kinds."""
    begun = ParameterPolicy.objects.filter(Q(kind=kind) | Q(kind=""), valid_from__lte=on)
    return begun.order_by("-kind", "-valid_from").first()


def hot_list_policy(on: date) -> HotListPolicy | None:
    """The promise for losses reported on a date."""
    return HotListPolicy.objects.filter(valid_from__lte=on).order_by("-valid_from").first()


def parameters(kind: str, on: date) -> dict[str, Any]:
    """As the signed document has them: `limits` (those that bind), rhythms in seconds, `marks`, and on what ground."""
    policy = parameter_policy(kind, on)
    if policy is None:
        return {"limits": {}}
    limits = {name: getattr(policy, name) for name in policy.LIMITS}
    return {
        "limits": {name: value for name, value in limits.items() if value is not None},
        **{name: getattr(policy, name) for name in policy.RHYTHMS},
        "marks": policy.marks,
        "valid_from": policy.valid_from.isoformat(),
        "legal_basis": policy.legal_basis,
    }
