"""The nightly search for what honest cards, terminals and people do not do, and the parameters it goes by.

A rule finds and tells; it decides nothing about anybody. What follows is a person's decision, except that a card's
payout waits for it (个人信息保护法第二十四条).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import RiskParameters, RiskRule
from accounts.selectors.alerts import parameters_in_force
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict, InvalidField
from terminals.selectors.risk import EVIDENCE_MAX, LOOK_BACK, RULES, Rule

logger = logging.getLogger(__name__)

# One statement: what a rule finds goes into the table where it is found. What was found before stays as it is.
_RUN: Final = """
INSERT INTO accounts_riskalert (rule, rule_version, parameters_id, business_date, subject_kind, subject, card_id, facts,
    raised_at, review_by, state, reviewed_by, review_reason)
SELECT %(rule)s, %(version)s, %(parameters)s, %(day)s, subject_kind, subject, card_id,
    jsonb_build_object('figures', figures, 'evidence', evidence), %(now)s, %(review_by)s, 'open', '', ''
FROM ({sql}) AS found (subject_kind, subject, card_id, figures, evidence)
ON CONFLICT (rule, rule_version, subject_kind, subject, business_date) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class RuleRun:
    """What one rule found on one date: how many alerts are new. `version` None: it has no parameters and did not look."""

    rule: RiskRule
    version: int | None
    new: int


def run_risk(*, day: date, now: datetime, rules: Iterable[RiskRule] | None = None) -> list[RuleRun]:
    """Let every rule, or some, look at a business date; each in a transaction of its own. Again: nothing new."""
    wanted = RULES if rules is None else {code: RULES[code] for code in rules}
    return [_run(rule, day, now) for rule in wanted.values()]


@transaction.atomic
def _run(rule: Rule, day: date, now: datetime) -> RuleRun:
    parameters = parameters_in_force(rule.code, day)
    if parameters is None:
        return RuleRun(rule.code, None, 0)
    values = {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in parameters.values.items()
    }
    values |= {
        "day": day,
        "since": day - timedelta(days=parameters.values.get(LOOK_BACK, 0)),
        "shown": EVIDENCE_MAX,
        "rule": rule.code.value,
        "version": rule.version,
        "parameters": parameters.pk,
        "now": now,
        "review_by": shanghai(now).date() + timedelta(days=parameters.review_days),
    }
    with connection.cursor() as cursor:
        # A day of taps is sorted once; it need not go over a disk for it.
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute(_RUN.format(sql=rule.sql), values)
        new = cursor.rowcount
    if new:
        logger.warning("risk: %s found %s on %s", rule.code.value, new, day)
    return RuleRun(rule.code, rule.version, new)


@transaction.atomic
def publish_risk_parameters(
    *,
    rule: str,
    valid_from: date,
    values: Mapping[str, Any],
    blocks_payout: bool,
    review_days: int,
    legal_basis: str,
    actor: str,
    candidate: str = "",
) -> RiskParameters:
    """How a rule looks from a business date on. Audited. Publishing the same again changes nothing.

    Raises InvalidField for thresholds that are not the rule's, Conflict when the date has others.
    """
    if rule not in RiskRule.values:
        raise InvalidField("rule", rule)
    RULES[RiskRule(rule)].check(values)
    if candidate not in RiskParameters.Candidate.values:
        raise InvalidField("candidate", candidate)
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("a policy needs a reason"))
    if type(review_days) is not int or review_days < 1:
        raise InvalidField("review_days", _("at least 1"))
    terms = {
        "values": dict(values),
        "blocks_payout": blocks_payout,
        "candidate": candidate,
        "review_days": review_days,
        "legal_basis": legal_basis,
    }
    published, is_new = RiskParameters.objects.get_or_create(rule=rule, valid_from=valid_from, defaults=terms)
    if any(getattr(published, name) != value for name, value in terms.items()):
        raise Conflict(what=f"{rule} {valid_from}")
    if is_new:
        detail = {"valid_from": valid_from, **terms}
        record_audit(
            actor=actor, action="risk_parameters.publish", subject=f"risk_rule:{rule}", detail=detail
        )
    return published
