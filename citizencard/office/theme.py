"""How the office looks and what its menu holds: the settings of the admin theme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _sees_reports(request: HttpRequest) -> bool:
    return _may("office.view_finance_report")(request) or _may("office.view_operations_report")(request)


def _item(title: StrOrPromise, icon: str, url: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{url}"),
        "permission": _may(permission),
    }


def _models(*entries: tuple[StrOrPromise, str, str, str]) -> list[dict[str, Any]]:
    return [
        _item(title, icon, f"{app}_{model}_changelist", f"{app}.view_{model}")
        for title, icon, app, model in entries
    ]


NAVIGATION: list[dict[str, Any]] = [
    {
        "items": [{"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")}],
    },
    {
        "title": _("Citizens and cards"),
        "separator": True,
        "items": [
            _item(_("Card reader"), "nfc", "bridge_reader", "bridge.use_reader"),
            *_models(
                (_("Citizens"), "person", "accounts", "citizen"),
                (_("Merging of records"), "merge", "accounts", "personmerge"),
                (_("Changes of persons"), "history_edu", "accounts", "personchange"),
                (_("Comparison lists"), "rule", "accounts", "comparisonlist"),
                (_("Cards"), "credit_card", "accounts", "card"),
                (_("Top-ups"), "add_card", "accounts", "topuporder"),
                (_("Refunds"), "undo", "accounts", "refund"),
                (_("Passes"), "local_activity", "accounts", "pass"),
                (_("Concessions"), "loyalty", "accounts", "concession"),
                (_("Automatic top-up"), "autorenew", "accounts", "mandate"),
                (_("Risk alerts"), "radar", "accounts", "riskalert"),
                (_("Suspicions"), "warning", "accounts", "cardflag"),
                (_("Objections"), "gavel", "terminals", "hotlistappeal"),
                (_("Disputes"), "balance", "settlement", "dispute"),
                (_("Card products"), "style", "accounts", "cardproduct"),
                (_("Card stock"), "inventory_2", "accounts", "stocklevel"),
                (_("Movements of stock"), "local_shipping", "accounts", "stockmovement"),
                (_("Card orders"), "print", "accounts", "cardorder"),
                (_("Batch issues"), "group_add", "accounts", "issuebatch"),
                (_("Passes on sale"), "confirmation_number", "accounts", "passproduct"),
                (_("Limits"), "speed", "accounts", "limitpolicy"),
            ),
        ],
    },
    {
        "title": _("Merchants and terminals"),
        "separator": True,
        "items": [
            *_models(
                (_("Merchants"), "storefront", "terminals", "merchant"),
                (_("Terminals"), "contactless", "terminals", "terminal"),
                (_("Fares"), "sell", "terminals", "faredocument"),
                (_("Fare proposals"), "rate_review", "terminals", "fareproposal"),
                (_("Hot list"), "block", "terminals", "hotlistentry"),
            ),
            _item(_("Hot list: how fast"), "speed", "hot_list_latency", "terminals.view_terminal"),
            *_models(
                (_("Acceptance policies"), "rule_settings", "terminals", "acceptancepolicy"),
                (_("Proposed policies"), "policy", "terminals", "policyproposal"),
                (_("Purchases given back"), "undo", "terminals", "purchasereturn"),
                (_("Batches"), "inbox", "terminals", "batch"),
                (_("Grey records"), "help_center", "terminals", "grey"),
                (_("Rides by code"), "qr_code_2", "terminals", "ride"),
            ),
        ],
    },
    {
        "title": _("Finance"),
        "separator": True,
        "items": [
            {
                "title": _("Finance reports"),
                "icon": "monitoring",
                "link": reverse_lazy("admin:reports"),
                "permission": _sees_reports,
            },
            *_models(
                (_("Closed months"), "event_available", "settlement", "monthclose"),
                (_("Business days"), "calendar_month", "core", "businessday"),
                (_("Clearing"), "balance", "settlement", "clearingrun"),
                (_("Reconciliation"), "compare_arrows", "settlement", "reconciliation"),
                (_("Reconciliation differences"), "difference", "settlement", "difference"),
                (_("Settlement files"), "folder_zip", "settlement", "settlementfiles"),
                (_("Signed heads"), "verified", "settlement", "proofhead"),
                (_("Contracts"), "contract", "settlement", "contract"),
                (_("Settlement calendar"), "event", "settlement", "calendaryear"),
                (_("Proposed rules"), "rule", "settlement", "proposal"),
                (_("Adjustments"), "tune", "settlement", "adjustment"),
                (_("Ledger accounts"), "account_balance", "accounts", "ledgeraccount"),
                (_("Journals"), "receipt_long", "accounts", "journal"),
            ),
            _item(
                _("Purchases to be decided"),
                "pending_actions",
                "terminals_waitingpurchase_changelist",
                "terminals.view_waitingpurchase",
            ),
            _item(_("Trial balance"), "functions", "trial_balance", "office.view_finance_report"),
            _item(_("Completeness"), "rule", "completeness", "office.view_finance_report"),
        ],
    },
    {
        "title": _("Money in and back"),
        "separator": True,
        "items": _models(
            (_("Differences"), "difference", "accounts", "topupdifference"),
            (_("Subsidy batches"), "volunteer_activism", "accounts", "subsidybatch"),
            (_("Agents"), "store", "accounts", "agent"),
            (_("Remittances"), "payments", "accounts", "remittance"),
            (_("Gateway refunds"), "currency_exchange", "accounts", "gatewayrefund"),
            (_("Gateway messages"), "mail", "accounts", "gatewayevent"),
        ),
    },
    {
        "title": _("Bank"),
        "separator": True,
        "items": _models(
            (_("Payouts"), "outbound", "settlement", "payoutbatch"),
            (_("Bank statements"), "receipt", "settlement", "bankstatement"),
            (_("Suspense"), "pending", "settlement", "suspenseitem"),
            (_("Reserve fund"), "savings", "settlement", "reservereport"),
            (_("Payout accounts"), "account_balance_wallet", "settlement", "payoutaccount"),
            (_("Payout policies"), "rule_settings", "settlement", "payoutpolicy"),
            (_("Sources of receipts"), "input", "settlement", "banksource"),
            (_("Bank files"), "folder_open", "settlement", "bankfile"),
        ),
    },
    {
        "title": _("Oversight"),
        "separator": True,
        "items": _models(
            (_("Audit trail"), "policy", "core", "auditentry"),
            (_("Staff"), "badge", "accounts", "user"),
            (_("Changes of accounts"), "manage_accounts", "staff", "accountchange"),
            (_("Sign-ins"), "login", "staff", "staffsession"),
            (_("Workstations"), "desktop_windows", "bridge", "workstation"),
        ),
    },
]

_JADE = {
    "50": "#eef7f4", "100": "#d9eee8", "200": "#b3ddd2", "300": "#82c5b6", "400": "#4aa796", "500": "#1f8878",
    "600": "#0b6a60", "700": "#09574f", "800": "#0a4640", "900": "#0a3a36", "950": "#052220",
}  # fmt: skip

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Citizen Card"),
    "SITE_HEADER": _("Citizen Card"),
    "SITE_SUBHEADER": _("Office"),
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("portal/icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("portal/icon.svg")}
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "citizencard.office.dashboard.overview",
    "STYLES": [lambda request: static("office/office.css")],
    "LOGIN": {"form": "citizencard.office.forms.SignInForm"},
    "ACCOUNT": {"navigation": [{"title": _("My account"), "link": reverse_lazy("admin:staff_account")}]},
    "COLORS": {"primary": _JADE},
    "BORDER_RADIUS": "8px",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
}
