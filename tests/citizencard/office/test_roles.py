"""The permission matrix, read off the pages themselves: who opens what, and that nobody changes anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.services.merging import propose_merge
from citizencard.office.roles import MATRIX, ensure_roles
from citizencard.office.site import office
from tests.accounts.refunds.test_alerts import alert_about
from tests.citizencard.city import City, make_staff
from tests.citizencard.office.money import Money
from tests.factories import make_citizen

SignIn = Callable[[str], Client]

LISTS = {
    "accounts_citizen": {"clerk", "supervisor", "auditor"},
    "accounts_personmerge": {"clerk", "supervisor", "auditor"},
    "accounts_card": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_cardproduct": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_cardorder": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_issuebatch": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_stocklevel": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_stockmovement": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_topuporder": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_refund": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_cardflag": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_riskalert": {"supervisor", "auditor"},
    "terminals_hotlistappeal": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_mandate": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_limitpolicy": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_pass": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_passproduct": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_topupdifference": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_concession": {"clerk", "finance", "supervisor", "auditor"},
    "accounts_gatewayrefund": {"finance", "auditor"},
    "accounts_gatewayevent": {"finance", "auditor"},
    "accounts_subsidybatch": {"finance", "auditor"},
    "accounts_agent": {"finance", "auditor"},
    "accounts_remittance": {"finance", "auditor"},
    "accounts_ledgeraccount": {"finance", "auditor"},
    "accounts_journal": {"finance", "auditor"},
    "accounts_user": {"auditor"},
    "terminals_merchant": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_terminal": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_faredocument": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_fareproposal": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_hotlistentry": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_acceptancepolicy": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_policyproposal": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_purchasereturn": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_waitingpurchase": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_grey": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_ride": {"clerk", "finance", "supervisor", "auditor"},
    "terminals_batch": {"finance", "auditor"},
    "settlement_banksource": {"finance", "supervisor", "auditor"},
    "settlement_bankstatement": {"finance", "supervisor", "auditor"},
    "settlement_bankfile": {"finance", "auditor"},
    "settlement_payoutaccount": {"finance", "supervisor", "auditor"},
    "settlement_payoutbatch": {"finance", "supervisor", "auditor"},
    "settlement_payoutpolicy": {"finance", "supervisor", "auditor"},
    "settlement_reservereport": {"finance", "supervisor", "auditor"},
    "settlement_suspenseitem": {"finance", "supervisor", "auditor"},
    "settlement_difference": {"finance", "supervisor", "auditor"},
    "settlement_reconciliation": {"finance", "supervisor", "auditor"},
    "settlement_clearingrun": {"finance", "auditor"},
    "settlement_proofhead": {"finance", "auditor"},
    "settlement_settlementfiles": {"finance", "auditor"},
    "settlement_contract": {"finance", "auditor"},
    "settlement_calendaryear": {"finance", "auditor"},
    "settlement_proposal": {"finance", "auditor"},
    "settlement_monthclose": {"finance", "auditor"},
    "settlement_adjustment": {"finance", "supervisor", "auditor"},
    "settlement_dispute": {"clerk", "finance", "supervisor", "auditor"},
    "core_businessday": {"finance", "auditor"},
    "core_auditentry": {"auditor"},
    "core_audithead": {"auditor"},
    "bridge_workstation": {"clerk", "auditor"},
    "accounts_dataaccess": {"supervisor", "auditor"},
    "privacy_accessquestion": {"supervisor", "auditor"},
    "privacy_correctionrequest": {"clerk", "supervisor", "auditor"},
    "privacy_erasurerequest": {"clerk", "supervisor", "auditor"},
    "privacy_legalhold": {"supervisor", "auditor"},
    "privacy_privacyrule": {"supervisor", "auditor"},
}


def test_every_page_of_the_office_is_in_the_matrix() -> None:
    assert {f"{model._meta.app_label}_{model._meta.model_name}" for model in office._registry} == set(LISTS)


@pytest.mark.parametrize("role", sorted(MATRIX))
def test_each_role_opens_exactly_its_lists(db: None, as_staff: SignIn, role: str) -> None:
    make_staff()
    client = as_staff(role)
    opened = {name for name in LISTS if client.get(reverse(f"admin:{name}_changelist")).status_code == 200}
    assert opened == {name for name, roles in LISTS.items() if role in roles}


@pytest.mark.parametrize("role", [*sorted(MATRIX), "root"])
def test_nobody_adds_changes_or_deletes_not_even_the_superuser(
    city: City, as_staff: SignIn, role: str
) -> None:
    client = as_staff(role)
    for model in office._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert client.post(reverse(f"admin:{name}_add")).status_code == 403
        if thing := model._default_manager.first():
            assert client.post(reverse(f"admin:{name}_change", args=[thing.pk]), {"x": 1}).status_code == 403
            assert (
                client.post(reverse(f"admin:{name}_delete", args=[thing.pk]), {"post": "yes"}).status_code
                == 403
            )


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("accounts_citizen_reveal", {"clerk", "root"}),
        ("accounts_card_report_lost", {"clerk", "supervisor", "root"}),
        ("settlement_clearingrun_download_xlsx", {"finance", "auditor", "root"}),
        ("settlement_clearingrun_download_csv", {"finance", "auditor", "root"}),
        ("settlement_clearingrun_download_pdf", {"finance", "auditor", "root"}),
    ],
)
def test_actions_are_for_their_roles_only(city: City, as_staff: SignIn, action: str, roles: set[str]) -> None:
    subjects = {"citizen": city.citizen.pk, "card": city.card.pk, "clearingrun": city.cleared}
    url = reverse(f"admin:{action}", args=[subjects[action.split("_")[1]]])
    allowed = {role for role in [*MATRIX, "root"] if as_staff(role).get(url).status_code == 200}
    assert allowed == roles


STEPS = {
    "accounts_citizen_copy": {"clerk"},
    "accounts_citizen_correct": {"clerk"},
    "accounts_citizen_erase": {"clerk"},
    "accounts_citizen_register": {"clerk"},
    "accounts_citizen_document": {"clerk"},
    "accounts_citizen_consent": {"clerk"},
    "accounts_citizen_guardian": {"clerk"},
    "accounts_citizen_level": {"supervisor"},
    "accounts_citizen_merge": {"clerk"},
    "accounts_personmerge_approve": {"supervisor"},
    "accounts_personmerge_refuse": {"supervisor"},
    "accounts_card_refund": {"clerk"},
    "accounts_card_replace": {"clerk"},
    "accounts_card_damage": {"clerk"},
    "accounts_card_concession": {"clerk"},
    "accounts_card_dispute": {"clerk"},
    "accounts_card_appeal": {"clerk", "supervisor"},
    "accounts_concession_renew": {"clerk"},
    "accounts_concession_withdraw": {"clerk"},
    "accounts_refund_approve": {"finance"},
    "accounts_refund_refuse": {"finance"},
    "accounts_refund_withdraw": {"clerk"},
    "accounts_refund_payee": {"clerk"},
    "accounts_refund_pay_cash": {"finance"},
    "accounts_refund_confirm_bank": {"finance"},
    "accounts_refund_return_bank": {"finance"},
    "accounts_cardflag_clear": {"finance"},
    "accounts_cardflag_hot_list": {"clerk", "supervisor"},
    "accounts_riskalert_confirm": {"supervisor"},
    "accounts_riskalert_dismiss": {"supervisor"},
    "accounts_mandate_stop": {"clerk"},
    "accounts_pass_give_back": {"clerk"},
    "accounts_topupdifference_close": {"finance"},
    "accounts_subsidybatch_upload": {"finance"},
    "accounts_subsidybatch_approve": {"finance"},
    "accounts_subsidybatch_refuse": {"finance"},
    "accounts_ledgeraccount_freeze": {"finance"},
    "accounts_ledgeraccount_reopen": {"finance"},
}


def test_every_step_of_the_office_is_in_the_matrix() -> None:
    steps = {
        step.action_name
        for admin in office._registry.values()
        for step in [*admin._get_base_actions_detail(), *admin._get_base_actions_list()]
        if step.action_name.startswith("accounts_")
    }
    assert steps == set(STEPS) | {"accounts_citizen_reveal", "accounts_card_report_lost"}


@pytest.mark.parametrize("role", [*sorted(MATRIX), "root"])
def test_steps_with_money_are_for_their_roles_only(money: Money, as_staff: SignIn, role: str) -> None:
    subjects = {
        "card": money.card.pk,
        "citizen": money.card.citizen_id,
        "personmerge": propose_merge(
            master=money.card.citizen, other=make_citizen(), reason="same", maker="somebody"
        ).pk,
        "refund": money.due.pk,
        "cardflag": money.flag.pk,
        "concession": money.concession.pk,
        "riskalert": alert_about(money.card).pk,
        "mandate": money.mandate.pk,
        "pass": money.card.passes.get().pk,
        "topupdifference": money.difference.pk,
        "subsidybatch": money.batch.pk,
        "ledgeraccount": money.agent.account_id,
    }
    client = as_staff(role)
    for step, roles in STEPS.items():
        model = step.split("_")[1]
        url = reverse(
            f"admin:{step}", args=[] if step.endswith(("_upload", "_register")) else [subjects[model]]
        )
        allowed = role in roles or role == "root"
        assert client.get(url).status_code == (200 if allowed else 403), step
        assert client.post(url, {}).status_code == (200 if allowed else 403), step


@pytest.mark.parametrize("path", ["/office/", "/office/accounts/card/", "/office/trial-balance/"])
def test_citizens_and_strangers_stay_outside(city: City, as_citizen: Client, path: str) -> None:
    for client in (as_citizen, Client()):
        assert client.get(path)["Location"].startswith("/office/login/")


def test_a_citizens_password_does_not_open_the_office(city: City, client: Client) -> None:
    form = {"username": city.citizen.user.username, "password": "spring-tea-7301"}
    assert client.post("/office/login/", form).status_code == 200
    assert "_auth_user_id" not in client.session


def test_trial_balance_is_for_finance_and_auditor(city: City, as_staff: SignIn) -> None:
    opened = {role: as_staff(role).get("/office/trial-balance/").status_code for role in MATRIX}
    assert opened == {"clerk": 403, "finance": 200, "supervisor": 403, "auditor": 200}


def test_roles_are_restored_by_every_migration(db: None) -> None:
    clerk = Group.objects.get(name="clerk")
    clerk.permissions.clear()
    ensure_roles()
    assert {f"{each.content_type.app_label}.{each.codename}" for each in clerk.permissions.all()} == MATRIX[
        "clerk"
    ]


def test_staff_are_locked_out_after_five_wrong_passwords(db: None, client: Client) -> None:
    make_staff()
    for _attempt in range(5):
        client.post("/office/login/", {"username": "clerk", "password": "wrong"})
    answer = client.post("/office/login/", {"username": "clerk", "password": "spring-tea-7301"})
    assert "15 分钟" in answer.content.decode()
    assert "_auth_user_id" not in client.session
