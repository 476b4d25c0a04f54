"""The roles of the office and what each may do: one table, applied to the groups after every migration.

Nobody may change anything through the admin: money moves through services only. Which roles one person may not have together
is kept by the database (`citizencard.staff.models.RoleConflict`); a superuser has none of them, and only looks.
"""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

CLERK: Final = "clerk"
FINANCE: Final = "finance"
AUDITOR: Final = "auditor"
SUPERVISOR: Final = "supervisor"
KEY_CUSTODIAN: Final = "key_custodian"
ADMINISTRATOR: Final = "administrator"
TITLES: Final[dict[str, StrOrPromise]] = {
    CLERK: _("Clerk"),
    FINANCE: _("Finance"),
    SUPERVISOR: _("Supervisor"),
    AUDITOR: _("Auditor"),
    KEY_CUSTODIAN: _("Key custodian"),
    ADMINISTRATOR: _("Administrator"),
}

_FIELD = {
    "terminals.view_merchant",
    "terminals.view_terminal",
    "terminals.view_faredocument",
    "terminals.view_fareproposal",
    "terminals.view_hotlistentry",
    "terminals.view_grey",
    "terminals.view_ride",
    "terminals.view_acceptancepolicy",
    "terminals.view_waitingpurchase",
    "terminals.view_policyproposal",
    "terminals.view_purchasereturn",
}
_CARDS = {
    "accounts.view_card",
    "accounts.view_cardflag",
    "accounts.view_cardorder",
    "accounts.view_cardproduct",
    "accounts.view_concession",
    "accounts.view_issuebatch",
    "accounts.view_limitpolicy",
    "accounts.view_mandate",
    "accounts.view_pass",
    "accounts.view_passproduct",
    "accounts.view_refund",
    "accounts.view_stocklevel",
    "accounts.view_stockmovement",
    "accounts.view_topupdifference",
    "accounts.view_topuporder",
    "settlement.view_dispute",
}
_RISK = {"accounts.view_riskalert", "terminals.view_hotlistappeal"}
_READER = {
    "bridge.view_workstation",
    "bridge.pair_workstation",
    "bridge.revoke_workstation",
    "bridge.use_reader",
}
_BANK = {
    "settlement.view_banksource",
    "settlement.view_difference",
    "settlement.view_reconciliation",
    "settlement.view_bankstatement",
    "settlement.view_payoutaccount",
    "settlement.view_payoutbatch",
    "settlement.view_payoutpolicy",
    "settlement.view_reservereport",
    "settlement.view_suspenseitem",
}
_BOOKS = {
    "accounts.view_agent",
    "accounts.view_gatewayevent",
    "accounts.view_gatewayrefund",
    "accounts.view_ledgeraccount",
    "accounts.view_journal",
    "accounts.view_remittance",
    "accounts.view_subsidybatch",
    "terminals.view_batch",
    "settlement.view_adjustment",
    "settlement.view_calendaryear",
    "settlement.view_bankfile",
    "settlement.view_clearingrun",
    "settlement.view_contract",
    "settlement.view_proposal",
    "settlement.view_statement",
    "settlement.view_proofhead",
    "settlement.view_settlementfiles",
    "core.view_businessday",
    "office.download_settlement",
    "office.view_finance_report",
    "office.view_operations_report",
    "settlement.view_monthclose",
}

MATRIX: Final[dict[str, set[str]]] = {
    CLERK: _FIELD
    | _CARDS
    | _READER
    | {
        "accounts.view_citizen",
        "accounts.view_personmerge",
        "accounts.view_personchange",
        "accounts.view_comparisonlist",
        "accounts.propose_merge",
        "accounts.propose_change",
        "office.reveal_citizen",
        "office.register_citizen",
        "office.report_loss",
        "office.request_refund",
        "office.replace_card",
        "office.stop_mandate",
        "accounts.grant_concession",
        "terminals.enrol_terminal",
        "terminals.stop_terminal",
        "terminals.view_hotlistappeal",
        "terminals.decide_hotlistappeal",
        "settlement.handle_dispute",
        "terminals.refund_purchase",
    },
    FINANCE: _FIELD
    | _CARDS
    | _BOOKS
    | _BANK
    | {
        "office.pay_out",
        "office.approve_payout",
        "office.import_bank_file",
        "office.resolve_suspense",
        "office.freeze_account",
        "office.approve_refund",
        "office.approve_subsidy",
        "office.close_difference",
        "terminals.propose_fares",
        "terminals.publish_fares",
        "terminals.propose_held",
        "terminals.approve_held",
        "terminals.propose_policy",
        "terminals.approve_policy",
        "terminals.view_hotlistappeal",
        "settlement.propose_rules",
        "settlement.approve_rules",
        "settlement.propose_monthclose",
        "settlement.approve_monthclose",
        "settlement.propose_adjustment",
        "settlement.check_adjustment",
        "settlement.propose_difference",
        "settlement.decide_dispute",
    },
    SUPERVISOR: _FIELD
    | _CARDS
    | _RISK
    | _BANK
    | {
        "accounts.view_citizen",
        "accounts.view_personmerge",
        "accounts.view_personchange",
        "accounts.view_comparisonlist",
        "accounts.approve_merge",
        "accounts.approve_change",
        "office.set_level",
        "accounts.review_riskalert",
        "office.approve_payout",
        "office.view_operations_report",
        "office.report_loss",
        "office.resolve_suspense",
        "terminals.decide_hotlistappeal",
        "terminals.propose_held",
        "terminals.approve_held",
        "terminals.propose_policy",
        "terminals.approve_policy",
        "settlement.view_adjustment",
        "settlement.check_adjustment",
        "settlement.approve_difference",
        "settlement.decide_dispute",
        "accounts.view_user",
        "staff.view_accountchange",
        "staff.approve_accountchange",
    },
    AUDITOR: _FIELD
    | _CARDS
    | _RISK
    | _BOOKS
    | _BANK
    | {
        "accounts.view_citizen",
        "accounts.view_personmerge",
        "accounts.view_personchange",
        "accounts.view_comparisonlist",
        "core.view_auditentry",
        "accounts.view_user",
        "bridge.view_workstation",
        "staff.view_accountchange",
        "staff.view_staffsession",
    },
    KEY_CUSTODIAN: {
        "terminals.view_terminal",
        "settlement.view_proofhead",
    },
    ADMINISTRATOR: {
        "accounts.view_user",
        "bridge.view_workstation",
        "staff.view_accountchange",
        "staff.view_staffsession",
        "staff.propose_accountchange",
        "staff.approve_accountchange",
    },
}
"""Role → permissions. The auditor sees everything but personal data in clear, and changes nothing; the administrator decides
who works here and sees nothing of the city's business; keys are worked with at the key service's own console."""


def ensure_roles() -> None:
    """Make the groups and give each exactly its permissions; running it again changes nothing."""
    for role, names in MATRIX.items():
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.set(_permissions(names))


def _permissions(names: set[str]) -> list[Permission]:
    wanted = Q()
    for name in names:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))
