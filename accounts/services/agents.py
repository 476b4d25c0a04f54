"""Agents top cards up for cash and owe us the money, never more than their credit limit."""

from __future__ import annotations

from django.db import transaction

from accounts import locks
from accounts.errors import AgentCreditExhausted, AgentNotActive
from accounts.models import Agent, Chart
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from citizencard.core.audit import record_audit
from citizencard.core.money import format_yuan


@transaction.atomic
def save_agent(*, code: str, name: str, credit_limit_fen: int, actor: str, active: bool = True) -> Agent:
    """A new agent, or other terms for one that is there; a lower limit only stops what comes after. Audited."""
    account = open_account(chart=Chart.AGENT_RECEIVABLE, owner=code, name=name)
    before = Agent.objects.filter(code=code).values("name", "credit_limit_fen", "active").first()
    agent = Agent.objects.update_or_create(
        code=code,
        defaults={"name": name, "credit_limit_fen": credit_limit_fen, "active": active},
        create_defaults={
            "name": name,
            "credit_limit_fen": credit_limit_fen,
            "active": active,
            "account": account,
        },
    )[0]
    record_audit(
        actor=actor,
        action="agent.save",
        subject=f"agent:{code}",
        detail={
            "before": before,
            "after": {"name": name, "credit_limit_fen": credit_limit_fen, "active": active},
        },
    )
    return agent


def check_agent(code: str) -> None:
    """Raise AgentNotActive unless the agent may top up."""
    if not Agent.objects.filter(pk=code, active=True).exists():
        raise AgentNotActive(agent=code)


def charge_agent(code: str, amount_fen: int) -> None:
    """Hold the agent until the transaction ends, if it may owe `amount_fen` more; the caller posts it.

    Raises AgentNotActive, AgentCreditExhausted.
    """
    agent = locks.lock_agent(code)
    if agent is None or not agent.active:
        raise AgentNotActive(agent=code)
    owed_fen = account_balance_fen(agent.account_id) + amount_fen
    if owed_fen > agent.credit_limit_fen:
        raise AgentCreditExhausted(
            owed_fen=owed_fen,
            limit_fen=agent.credit_limit_fen,
            limit=format_yuan(agent.credit_limit_fen),
        )
