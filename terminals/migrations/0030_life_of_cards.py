"""Loss reports for now and for good, and how long one for now stands."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0033_life_of_cards"),
        ("terminals", "0029_activation"),
    ]

    operations = [
        migrations.CreateModel(
            name="LossReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True, verbose_name="reference number")),
                (
                    "kind",
                    models.CharField(
                        choices=[("temporary", "temporary loss report"), ("formal", "formal loss report")],
                        max_length=9,
                        verbose_name="kind",
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("portal", "portal"),
                            ("counter", "counter"),
                            ("kiosk", "kiosk"),
                            ("phone", "telephone"),
                        ],
                        max_length=7,
                        verbose_name="reported by way of",
                    ),
                ),
                ("reason", models.CharField(max_length=100, verbose_name="reason")),
                ("reported_by", models.CharField(max_length=150, verbose_name="reported by")),
                ("effective_at", models.DateTimeField(verbose_name="effective at")),
                ("lapses_at", models.DateTimeField(blank=True, null=True, verbose_name="lapses at")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("standing", "in force"),
                            ("found", "card found"),
                            ("lapsed", "lapsed"),
                            ("followed", "made formal"),
                        ],
                        default="standing",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
            ],
            options={
                "verbose_name": "loss report",
                "verbose_name_plural": "loss reports",
                "default_permissions": (),
            },
        ),
        migrations.RemoveConstraint(
            model_name="hotlistpolicy",
            name="hot_list_policy_says_what_and_why",
        ),
        migrations.AddField(
            model_name="hotlistpolicy",
            name="temporary_days",
            field=models.PositiveSmallIntegerField(
                db_default=5, default=5, verbose_name="report for now stands (days)"
            ),
        ),
        migrations.AlterField(
            model_name="hotlistentry",
            name="cause",
            field=models.CharField(
                choices=[
                    ("loss", "reported lost"),
                    ("refund", "refund under way"),
                    ("suspicion", "suspicion"),
                    ("carton", "carton lost"),
                    ("replaced", "replaced by another card"),
                    ("inactive", "not activated yet"),
                    ("suspended", "suspended by the office"),
                ],
                db_default="loss",
                default="loss",
                max_length=9,
                verbose_name="cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="hotlistpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("grace_minutes__lte", 10080),
                    ("promise_minutes__lte", 10080),
                    ("temporary_days__range", (1, 90)),
                    models.Q(("legal_basis", ""), _negated=True),
                ),
                name="hot_list_policy_says_what_and_why",
            ),
        ),
        migrations.AddField(
            model_name="lossreport",
            name="card",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="losses",
                to="accounts.card",
                verbose_name="card",
            ),
        ),
        migrations.AddField(
            model_name="lossreport",
            name="entry",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                to="terminals.hotlistentry",
                verbose_name="hot list entry",
            ),
        ),
        migrations.AddIndex(
            model_name="lossreport",
            index=models.Index(
                condition=models.Q(("kind", "temporary"), ("state", "standing")),
                fields=["lapses_at"],
                name="loss_report_to_lapse",
            ),
        ),
        migrations.AddConstraint(
            model_name="lossreport",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "standing")),
                fields=("card",),
                name="one_standing_loss_report_per_card",
            ),
        ),
        migrations.AddConstraint(
            model_name="lossreport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "temporary"), ("lapses_at__gt", models.F("effective_at"))),
                    models.Q(("kind", "formal"), ("lapses_at", None), ("state__in", ["standing", "found"])),
                    _connector="OR",
                ),
                name="only_a_temporary_loss_report_lapses",
            ),
        ),
        migrations.AddConstraint(
            model_name="lossreport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state", "standing")),
                    models.Q(models.Q(("state", "standing"), _negated=True), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="loss_report_ended_at_a_time",
            ),
        ),
    ]
