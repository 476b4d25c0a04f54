"""Proposals and payees have the columns of everything that takes two people."""

import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

DECIDED = ("banksource", "payoutaccount", "payoutpolicy")
# A trigger that looks at a column keeps its type from being changed.
RELEASE = "".join(
    f"DROP TRIGGER decided_for_good ON settlement_{table}; DROP TRIGGER stays ON settlement_{table};"
    for table in DECIDED
)
GUARD = "".join(
    f"CREATE TRIGGER decided_for_good BEFORE UPDATE ON settlement_{table}"
    " FOR EACH ROW WHEN (OLD.state <> 'proposed') EXECUTE FUNCTION core_append_only();"
    f"CREATE TRIGGER stays BEFORE UPDATE ON settlement_{table}"
    " FOR EACH ROW EXECUTE FUNCTION settlement_stays(state, checker, checked_at, answer);"
    for table in DECIDED
)
GUARD_BEFORE = GUARD.replace(", answer", "")


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0013_recheck"),
        ("terminals", "0027_two_people"),
    ]

    operations = [
        migrations.RunSQL(RELEASE, reverse_sql=GUARD_BEFORE),
        migrations.RemoveConstraint(
            model_name="banksource",
            name="banksource_checked_by_another",
        ),
        migrations.RemoveConstraint(
            model_name="payoutaccount",
            name="payoutaccount_checked_by_another",
        ),
        migrations.RemoveConstraint(
            model_name="payoutpolicy",
            name="payoutpolicy_checked_by_another",
        ),
        migrations.RemoveConstraint(
            model_name="proposal",
            name="settlement_maker_is_not_checker",
        ),
        migrations.RemoveConstraint(
            model_name="proposal",
            name="settlement_proposal_decided_by_somebody",
        ),
        migrations.AddField(
            model_name="banksource",
            name="answer",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
            ),
        ),
        migrations.AddField(
            model_name="payoutaccount",
            name="answer",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
            ),
        ),
        migrations.AddField(
            model_name="payoutpolicy",
            name="answer",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
            ),
        ),
        migrations.AlterField(
            model_name="banksource",
            name="checker",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
            ),
        ),
        migrations.AlterField(
            model_name="banksource",
            name="made_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                editable=False,
                verbose_name="proposed at",
            ),
        ),
        migrations.AlterField(
            model_name="banksource",
            name="maker",
            field=models.CharField(max_length=150, verbose_name="proposed by"),
        ),
        migrations.AlterField(
            model_name="banksource",
            name="state",
            field=django_fsm.FSMField(
                choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                default="proposed",
                max_length=8,
                protected=True,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="monthclose",
            name="checker",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
            ),
        ),
        migrations.AlterField(
            model_name="monthclose",
            name="maker",
            field=models.CharField(max_length=150, verbose_name="proposed by"),
        ),
        migrations.AlterField(
            model_name="payoutaccount",
            name="checker",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
            ),
        ),
        migrations.AlterField(
            model_name="payoutaccount",
            name="made_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                editable=False,
                verbose_name="proposed at",
            ),
        ),
        migrations.AlterField(
            model_name="payoutaccount",
            name="maker",
            field=models.CharField(max_length=150, verbose_name="proposed by"),
        ),
        migrations.AlterField(
            model_name="payoutaccount",
            name="state",
            field=django_fsm.FSMField(
                choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                default="proposed",
                max_length=8,
                protected=True,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="payoutpolicy",
            name="checker",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
            ),
        ),
        migrations.AlterField(
            model_name="payoutpolicy",
            name="made_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                editable=False,
                verbose_name="proposed at",
            ),
        ),
        migrations.AlterField(
            model_name="payoutpolicy",
            name="maker",
            field=models.CharField(max_length=150, verbose_name="proposed by"),
        ),
        migrations.AlterField(
            model_name="payoutpolicy",
            name="state",
            field=django_fsm.FSMField(
                choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                default="proposed",
                max_length=8,
                protected=True,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="checker",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="maker",
            field=models.CharField(max_length=150, verbose_name="proposed by"),
        ),
        migrations.AddConstraint(
            model_name="banksource",
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
                name="settlement_banksource_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutaccount",
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
                name="settlement_payoutaccount_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutpolicy",
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
                name="settlement_payoutpolicy_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
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
                name="settlement_proposal_by_two",
            ),
        ),
        migrations.RunSQL(GUARD, reverse_sql=RELEASE),
    ]
