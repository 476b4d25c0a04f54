"""The rules of the nightly search, each one SQL statement over one business date. docs/risk.md says why each."""

from __future__ import annotations

from typing import Final

from accounts.models import RiskRule
from terminals.selectors.risk import business, chips, speed
from terminals.selectors.risk.rule import EVIDENCE_MAX, LOOK_BACK, Rule

RULES: Final[dict[RiskRule, Rule]] = {
    rule.code: rule
    for rule in (
        speed.VELOCITY,
        speed.TRAVEL,
        chips.CONFLICT,
        chips.ROLLBACK,
        chips.JUMP,
        chips.ABOVE_BOOKS,
        chips.UNEXPLAINED,
        business.TAC,
        business.REFUNDS,
        speed.SHARING,
        business.SPLIT,
        business.NIGHT,
    )
}
"""By code, in the order in which they run."""

__all__ = ["EVIDENCE_MAX", "LOOK_BACK", "RULES", "Rule"]
