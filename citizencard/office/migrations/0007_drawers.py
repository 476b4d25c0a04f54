from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("office", "0005_people"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="officeaction",
            options={
                "default_permissions": (),
                "managed": False,
                "permissions": [
                    ("reveal_citizen", "See a citizen's personal data in clear, with a reason"),
                    ("register_citizen", "Register people, keep their documents, consents and guardians"),
                    ("set_level", "Say how well a person is known"),
                    ("report_loss", "Report a card lost"),
                    ("download_settlement", "Download settlement reports"),
                    ("view_finance_report", "See the trial balance and refusals"),
                    ("view_operations_report", "See the cash of clerks and the key figures"),
                    ("freeze_account", "Freeze a ledger account and open it again"),
                    ("replace_card", "Replace a lost, damaged or expired card"),
                    ("request_refund", "Take in and withdraw a refund"),
                    ("approve_refund", "Approve and pay out a refund"),
                    ("approve_subsidy", "Check and approve a subsidy batch"),
                    ("stop_mandate", "Stop automatic top-up"),
                    ("close_difference", "Close a difference of the three-way match"),
                    ("pay_out", "Make, propose and send payouts, propose payees and rules of the bank"),
                    ("approve_payout", "Approve payouts, payees and rules of the bank"),
                    ("import_bank_file", "Take files from the bank and open those that are kept"),
                    ("resolve_suspense", "Resolve suspense items of the bank"),
                    ("use_drawer", "Have a cash drawer, take and give cash"),
                    ("check_drawer", "Confirm counts of cash drawers and take the cash over"),
                ],
                "verbose_name": "office action",
                "verbose_name_plural": "office actions",
            },
        ),
    ]
