"""Proposals have the columns of everything that takes two people; a total of nothing is nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("terminals", "0026_recheck"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="terminaltotal",
            constraint=models.CheckConstraint(
                condition=models.Q(("records__gt", 0), ("total_fen", 0), _connector="OR"),
                name="terminal_total_of_records",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="policyproposal",
            name="policy_maker_is_not_checker",
        ),
        migrations.RemoveConstraint(
            model_name="policyproposal",
            name="policy_proposal_decided_by_somebody",
        ),
        migrations.AlterField(
            model_name="fareproposal",
            name="checker",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
            ),
        ),
        migrations.AlterField(
            model_name="fareproposal",
            name="maker",
            field=models.CharField(max_length=150, verbose_name="proposed by"),
        ),
        migrations.AlterField(
            model_name="heldproposal",
            name="answer",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
            ),
        ),
        migrations.AlterField(
            model_name="heldproposal",
            name="checked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="checked at"),
        ),
        migrations.AlterField(
            model_name="heldproposal",
            name="checker",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
            ),
        ),
        migrations.AddConstraint(
            model_name="policyproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                    models.Q(
                        ("checked_at__isnull", False),
                        ("checker__gt", ""),
                        ("state__in", ["approved", "refused"]),
                        models.Q(("checker", models.F("maker")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="terminals_policyproposal_by_two",
            ),
        ),
    ]
