"""What staff may do beyond looking, as permissions of Django's own kind. No table stands behind it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class OfficeAction(models.Model):
    """Carries the office's permissions; looking at things is each model's own `view` permission."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = _("office action")
        verbose_name_plural = _("office actions")
        permissions = [
            ("reveal_citizen", _("See a citizen's personal data in clear, with a reason")),
            ("register_citizen", _("Register people, keep their documents, consents and guardians")),
            ("set_level", _("Say how well a person is known")),
            ("report_loss", _("Report a card lost")),
            ("download_settlement", _("Download settlement reports")),
            ("view_finance_report", _("See the trial balance and refusals")),
            ("view_operations_report", _("See the cash of clerks and the key figures")),
            ("freeze_account", _("Freeze a ledger account and open it again")),
            ("replace_card", _("Replace a lost, damaged or expired card")),
            ("run_card", _("Activate cards, stop them for a while and let them go on")),
            ("request_refund", _("Take in and withdraw a refund")),
            ("approve_refund", _("Approve and pay out a refund")),
            ("approve_subsidy", _("Check and approve a subsidy batch")),
            ("stop_mandate", _("Stop automatic top-up")),
            ("close_difference", _("Close a difference of the three-way match")),
            ("pay_out", _("Make, propose and send payouts, propose payees and rules of the bank")),
            ("approve_payout", _("Approve payouts, payees and rules of the bank")),
            ("import_bank_file", _("Take files from the bank and open those that are kept")),
            ("resolve_suspense", _("Resolve suspense items of the bank")),
            ("use_drawer", _("Have a cash drawer, take and give cash")),
            ("check_drawer", _("Confirm counts of cash drawers and take the cash over")),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
