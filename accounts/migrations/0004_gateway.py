"""Messages of the payment gateway: append-only, each id once."""

from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_gatewayevent
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
DROP = "DROP TRIGGER append_only ON accounts_gatewayevent;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_stored_value")]
    operations = [
        migrations.CreateModel(
            name="GatewayEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.CharField(max_length=255, verbose_name="event")),
                ("kind", models.CharField(max_length=255, verbose_name="kind")),
                (
                    "object_id",
                    models.CharField(
                        blank=True, db_index=True, max_length=255, verbose_name="object at the gateway"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("booked", "booked"),
                            ("ignored", "nothing to do"),
                            ("mismatch", "contradiction"),
                        ],
                        max_length=8,
                        verbose_name="outcome",
                    ),
                ),
                ("fault", models.CharField(blank=True, max_length=20, verbose_name="contradicts in")),
                ("reference", models.CharField(blank=True, max_length=255, verbose_name="our reference")),
                ("amount_fen", models.BigIntegerField(blank=True, null=True, verbose_name="amount (fen)")),
                ("currency", models.CharField(blank=True, max_length=255, verbose_name="currency")),
                ("received_at", models.DateTimeField(auto_now_add=True, verbose_name="received at")),
            ],
            options={
                "verbose_name": "message of the gateway",
                "verbose_name_plural": "messages of the gateway",
                "constraints": [
                    models.UniqueConstraint(
                        condition=~models.Q(fault="content"),
                        fields=("event_id",),
                        name="gateway_event_once",
                    ),
                    models.UniqueConstraint(fields=("event_id", "digest"), name="gateway_event_content_once"),
                    models.CheckConstraint(
                        condition=models.Q(outcome="mismatch", fault__gt="")
                        | models.Q(outcome__in=["booked", "ignored"], fault=""),
                        name="gateway_event_mismatch_names_fault",
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, reverse_sql=DROP),
    ]
