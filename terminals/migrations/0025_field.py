"""Passes are a kind of published document; policies of the field by two people; purchases given back at the counter."""

import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

GUARD = """
CREATE FUNCTION terminals_policy_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'proposed' AND NEW.state <> 'proposed'
        AND to_jsonb(OLD) - ARRAY['state', 'checker', 'checked_at', 'answer']
            = to_jsonb(NEW) - ARRAY['state', 'checker', 'checked_at', 'answer'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a proposal is decided once and never changes'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'policy_proposal_decided_once';
END $$;
CREATE TRIGGER decided_once BEFORE UPDATE OR DELETE ON terminals_policyproposal
    FOR EACH ROW EXECUTE FUNCTION terminals_policy_decided_once();
"""
GUARD_BACK = """
DROP TRIGGER decided_once ON terminals_policyproposal;
DROP FUNCTION terminals_policy_decided_once();
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0024_county")]
    operations = [
        migrations.AlterField(
            "publisheddocument",
            "kind",
            models.CharField(
                "kind",
                max_length=10,
                choices=[
                    ("hot_list", "hot list"),
                    ("parameters", "parameters"),
                    ("tariffs", "tariffs"),
                    ("passes", "passes"),
                    ("next_key", "next key of the centre"),
                ],
            ),
        ),
        migrations.AlterModelOptions(
            name="purchasereturn",
            options={
                "default_permissions": ("view",),
                "permissions": [("refund_purchase", "Give a purchase back at the counter")],
                "verbose_name": "returned purchase",
                "verbose_name_plural": "returned purchases",
            },
        ),
        migrations.CreateModel(
            name="PolicyProposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("parameters", "terminal parameters"),
                            ("hot_list", "hot list policy"),
                            ("acceptance", "acceptance policy"),
                            ("return", "return policy"),
                            ("risk", "risk parameters"),
                            ("appeal", "appeal policy"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("content", models.JSONField(verbose_name="content")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                        default="proposed",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=150, verbose_name="proposed by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="proposed at",
                    ),
                ),
                (
                    "checker",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
            ],
            options={
                "verbose_name": "proposed policy",
                "verbose_name_plural": "proposed policies",
                "permissions": [
                    ("propose_policy", "Propose policies of terminals, returns, risk and objections"),
                    ("approve_policy", "Approve or refuse policies that somebody else has proposed"),
                ],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=~models.Q(maker=models.F("checker")), name="policy_maker_is_not_checker"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(state="proposed", checker="", checked_at=None)
                        | models.Q(state__in=["approved", "refused"], checked_at__isnull=False)
                        & ~models.Q(checker=""),
                        name="policy_proposal_decided_by_somebody",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, GUARD_BACK),
    ]
