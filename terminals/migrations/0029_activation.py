"""A card that nobody has activated is inert: what is paid with it waits, and terminals are told."""

from importlib import import_module

from django.db import migrations, models

_before = import_module("terminals.migrations.0026_recheck")
_waiting = import_module("terminals.migrations.0021_held_decisions")

OUTCOME = """
ALTER TABLE terminals_tap DROP CONSTRAINT tap_outcome_known;
ALTER TABLE terminals_tap ADD CONSTRAINT tap_outcome_known CHECK (outcome BETWEEN 1 AND 9);
CREATE INDEX tap_before_activation ON terminals_tap (id) WHERE outcome = 9;
"""
OUTCOME_BACK = """
DROP INDEX tap_before_activation;
ALTER TABLE terminals_tap DROP CONSTRAINT tap_outcome_known;
ALTER TABLE terminals_tap ADD CONSTRAINT tap_outcome_known CHECK (outcome BETWEEN 1 AND 8);
"""
ACCEPT = _before.ACCEPT.replace(
    "r.test_only AND production AS barred INTO",
    "c.state IN ('blank', 'personalised', 'issued') OR r.test_only AND production AS barred INTO",
)
WAITING = (
    _waiting.WAITING.replace("tap.outcome IN (3, 5, 6, 8)", "tap.outcome IN (3, 5, 6, 8, 9)")
    .replace("'key_unusable'])[", "'key_unusable', 'card_not_active'])[")
    .replace("open.outcome IN (2, 3, 8)", "open.outcome IN (2, 3, 8, 9)")
    .replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0032_activation"),
        ("terminals", "0028_replaced"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="heldresolution",
            name="held_resolution_follows_its_rule",
        ),
        migrations.AlterField(
            model_name="heldresolution",
            name="outcome",
            field=models.SmallIntegerField(
                choices=[
                    (1, "accepted"),
                    (2, "suspended: card on the hot list"),
                    (3, "suspended: counter used for another purchase"),
                    (4, "suspended: beyond the balance"),
                    (5, "suspended: beyond the limit for one purchase"),
                    (6, "suspended: above the terminal's tariff"),
                    (7, "suspended: came too late"),
                    (8, "suspended: key version out of use, not checkable"),
                    (9, "suspended: card not activated yet"),
                ],
                verbose_name="outcome",
            ),
        ),
        migrations.AlterField(
            model_name="heldresolution",
            name="rule",
            field=models.CharField(
                choices=[
                    ("within_promise", "paid before the promise was due"),
                    ("found", "the card was found, or listed by mistake"),
                    ("not_applied", "the terminal did not apply a list that it could have had"),
                    ("not_published", "the centre published the list too late"),
                    ("activated", "the holder has activated the card"),
                    ("late", "came too late to be charged"),
                    ("not_decided", "not decided in time"),
                    ("decided", "decided by two people"),
                ],
                max_length=14,
                verbose_name="rule",
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
                ],
                db_default="loss",
                default="loss",
                max_length=9,
                verbose_name="cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldresolution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("entry__isnull", False),
                        ("outcome", 2),
                        ("policy__isnull", False),
                        ("promised_at__isnull", False),
                        ("proposal", None),
                        ("reported_at__isnull", False),
                        ("terms", None),
                        models.Q(
                            models.Q(
                                ("occurred_at__lt", models.F("promised_at")),
                                ("party", "holder"),
                                ("rule", "within_promise"),
                            ),
                            models.Q(("party", "holder"), ("rule", "found")),
                            models.Q(
                                ("occurred_at__gte", models.F("promised_at")),
                                ("party", "operator"),
                                ("rule", "not_applied"),
                                ("published_at__isnull", False),
                            ),
                            models.Q(
                                ("occurred_at__gte", models.F("promised_at")),
                                ("party", "centre"),
                                ("rule", "not_published"),
                            ),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("applied_at", None),
                        ("entry", None),
                        ("policy", None),
                        ("promised_at", None),
                        ("published_at", None),
                        ("reported_at", None),
                        ("paid_fen", 0),
                        ("party", "operator"),
                        ("proposal", None),
                        ("terms__isnull", False),
                        models.Q(
                            models.Q(("outcome", 7), ("rule", "late")),
                            models.Q(("outcome__in", [3, 5, 6, 8, 9]), ("rule", "not_decided")),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("applied_at", None),
                        ("entry", None),
                        ("policy", None),
                        ("promised_at", None),
                        ("published_at", None),
                        ("reported_at", None),
                        ("outcome", 9),
                        ("party", "holder"),
                        ("proposal", None),
                        ("rule", "activated"),
                        ("terms", None),
                    ),
                    models.Q(
                        ("applied_at", None),
                        ("entry", None),
                        ("policy", None),
                        ("promised_at", None),
                        ("published_at", None),
                        ("reported_at", None),
                        ("party__in", ["holder", "operator"]),
                        ("proposal__isnull", False),
                        ("rule", "decided"),
                        ("terms", None),
                        models.Q(("outcome__in", [1, 4]), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="held_resolution_follows_its_rule",
            ),
        ),
        migrations.RunSQL(OUTCOME, OUTCOME_BACK),
        migrations.RunSQL(
            ACCEPT.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
            _before.ACCEPT.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
        ),
        migrations.RunSQL(WAITING, _waiting.WAITING.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")),
    ]
