"""Somebody asks to be erased."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0032_erasing"),
        ("privacy", "0001_rules_and_questions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="privacyrule",
            name="subject",
            field=models.CharField(
                choices=[
                    ("question", "answer to a question about an access"),
                    ("erasure", "erasure that somebody asked for"),
                ],
                max_length=20,
                verbose_name="what for",
            ),
        ),
        migrations.CreateModel(
            name="ErasureRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("made_by", models.CharField(max_length=150, verbose_name="asked for by")),
                ("made_at", models.DateTimeField(verbose_name="asked at")),
                ("due_on", models.DateField(verbose_name="due on")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("open", "to be checked"),
                            ("checked", "checked, to be carried out"),
                            ("done", "carried out"),
                            ("refused", "refused"),
                        ],
                        default="open",
                        max_length=7,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("checked_by", models.CharField(blank=True, max_length=150, verbose_name="checked by")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                ("decided_by", models.CharField(blank=True, max_length=150, verbose_name="decided by")),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="decided at")),
                ("answer", models.CharField(blank=True, max_length=300, verbose_name="why refused")),
                (
                    "citizen",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasure_requests",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "permissions": [
                    ("check_erasurerequest", "Take in and check requests to be erased"),
                    ("approve_erasurerequest", "Erase people, or refuse it"),
                ],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["open", "checked"])),
                        fields=("citizen",),
                        name="one_erasure_under_way",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            models.Q(
                                ("checked_at__isnull", False),
                                ("decided_at__isnull", False),
                                models.Q(("checked_by", ""), _negated=True),
                                models.Q(("decided_by", ""), _negated=True),
                                models.Q(("decided_by", models.F("checked_by")), _negated=True),
                                models.Q(("decided_by", models.F("made_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="erasure_by_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "refused"), _negated=True),
                            models.Q(
                                models.Q(("answer", ""), _negated=True),
                                models.Q(("decided_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="erasure_refused_with_a_reason",
                    ),
                ],
            },
        ),
    ]
