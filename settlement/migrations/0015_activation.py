"""A purchase with a card that nobody has activated is a difference until it is decided."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0014_two_people"),
        ("terminals", "0029_activation"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="difference",
            name="difference_decided_where_it_belongs",
        ),
        migrations.AlterField(
            model_name="difference",
            name="kind",
            field=models.CharField(
                choices=[
                    ("missing_upload", "told by the terminal, not uploaded"),
                    ("beyond_total", "uploaded beyond the terminal's total"),
                    ("amount_differs", "as many records, another sum"),
                    ("total_missing", "purchases that no total covers"),
                    ("duplicate", "uploaded again"),
                    ("bad_tac", "refused: wrong TAC"),
                    ("unknown_card", "refused: unknown card"),
                    ("test_card", "refused: card for tests"),
                    ("illegal_data", "refused: illegal data"),
                    ("future", "refused: from the future"),
                    ("terminal_mismatch", "refused: of another terminal"),
                    ("hot_listed", "held: card on the hot list"),
                    ("counter_conflict", "held: counter used twice"),
                    ("over_balance", "claim: beyond the balance"),
                    ("over_limit", "held: beyond the limit"),
                    ("over_price", "held: above the tariff"),
                    ("late", "held: came too late"),
                    ("key_unusable", "held: key out of use"),
                    ("card_not_active", "held: card not activated yet"),
                    ("not_in_ledger", "purchase without its transfer"),
                    ("not_a_purchase", "transfer without its purchase"),
                    ("ledger_differs", "purchase and transfer of different amounts"),
                    ("missing_at_bank", "payout that the bank does not show"),
                    ("returned", "payout rejected or returned"),
                    ("unknown_at_bank", "bank entry of unknown origin"),
                    ("bank_amount_differs", "bank file with another amount than ordered"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="difference",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        (
                            "kind__in",
                            (
                                "duplicate",
                                "hot_listed",
                                "counter_conflict",
                                "over_balance",
                                "over_limit",
                                "over_price",
                                "late",
                                "key_unusable",
                                "card_not_active",
                                "unknown_at_bank",
                            ),
                        ),
                        _negated=True,
                    ),
                    models.Q(("state__in", ["proposed", "resolved"]), _negated=True),
                    _connector="OR",
                ),
                name="difference_decided_where_it_belongs",
            ),
        ),
    ]
