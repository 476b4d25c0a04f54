"""Appeals against the hot list, who listed a card, and trading hours."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_appealpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_tradinghours
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON terminals_tradinghours;
DROP TRIGGER append_only ON terminals_appealpolicy;
"""

# A card's purchases in the chip's order, two by two, each with the one before it that has arrived; at least one of the two
# was booked on the day. Nearly all pairs are neighbours, and those a hash finds without sorting a city's taps; only
# the cards with counters missing are walked through in order.
CHAIN = """
CREATE FUNCTION terminals_chain(since date, day date) RETURNS TABLE (
    card_id bigint, date0 date, id0 bigint, atc0 integer, at0 timestamptz, left_fen bigint,
    business_date date, id bigint, atc integer, occurred_at timestamptz, had_fen bigint
) LANGUAGE sql STABLE AS $$
    SELECT later.card_id, earlier.business_date, earlier.id, earlier.atc, earlier.occurred_at, earlier.balance_fen,
        later.business_date, later.id, later.atc, later.occurred_at, later.balance_fen + later.amount_fen
    FROM terminals_tap AS later
    JOIN terminals_tap AS earlier ON earlier.card_id = later.card_id AND earlier.atc = later.atc - 1
    WHERE later.business_date = day AND earlier.business_date BETWEEN since AND day
        AND later.outcome <> 3 AND earlier.outcome <> 3
    UNION ALL
    SELECT later.card_id, earlier.business_date, earlier.id, earlier.atc, earlier.occurred_at, earlier.balance_fen,
        later.business_date, later.id, later.atc, later.occurred_at, later.balance_fen + later.amount_fen
    FROM terminals_tap AS later
    JOIN terminals_tap AS earlier ON earlier.card_id = later.card_id AND earlier.atc = later.atc - 1
    WHERE later.business_date >= since AND later.business_date < day AND earlier.business_date = day
        AND later.outcome <> 3 AND earlier.outcome <> 3
    UNION ALL
    SELECT step.card_id, step.date0, step.id0, step.atc0, step.at0, step.left_fen,
        step.business_date, step.id, step.atc, step.occurred_at, step.had_fen
    FROM (
        SELECT tap.card_id, lag(tap.business_date) OVER chain AS date0, lag(tap.id) OVER chain AS id0,
            lag(tap.atc) OVER chain AS atc0, lag(tap.occurred_at) OVER chain AS at0,
            lag(tap.balance_fen) OVER chain AS left_fen, tap.business_date, tap.id, tap.atc, tap.occurred_at,
            tap.balance_fen + tap.amount_fen AS had_fen
        FROM terminals_tap AS tap WHERE tap.business_date BETWEEN since AND day AND tap.outcome <> 3
            AND tap.card_id IN (
                SELECT purse.card_id FROM accounts_purse AS purse
                WHERE purse.kind = 'chip' AND offline_seen <> int4multirange(int4range(0, upper(offline_seen))))
        WINDOW chain AS (PARTITION BY tap.card_id ORDER BY tap.atc)
    ) AS step WHERE step.atc0 < step.atc - 1 AND day IN (step.business_date, step.date0)
$$;
"""
CHAIN_BACK = "DROP FUNCTION terminals_chain(date, date)"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_risk"),
        ("terminals", "0017_online_purchase"),
    ]

    operations = [
        migrations.AddField(
            model_name="hotlistentry",
            name="listed_by",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=100, verbose_name="listed by"
            ),
        ),
        migrations.CreateModel(
            name="AppealPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(unique=True, verbose_name="valid from")),
                ("decide_days", models.PositiveSmallIntegerField(verbose_name="days to decide")),
                ("compensation_fen", models.BigIntegerField(verbose_name="compensation (fen)")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "appeal policy",
                "verbose_name_plural": "appeal policies",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("compensation_fen__gte", 0), models.Q(("legal_basis", ""), _negated=True)
                        ),
                        name="appeal_policy_says_what_and_why",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HotListAppeal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True, verbose_name="tracking number")),
                (
                    "statement",
                    models.CharField(blank=True, max_length=500, verbose_name="what the holder says"),
                ),
                ("filed_at", models.DateTimeField(verbose_name="filed at")),
                ("due_on", models.DateField(verbose_name="decided by (date)")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("open", "to be decided"), ("granted", "granted"), ("refused", "refused")],
                        default="open",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "decided_by",
                    models.CharField(blank=True, default="", max_length=100, verbose_name="decided by"),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="decided at")),
                (
                    "decision_reason",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="reason of the decision"
                    ),
                ),
                (
                    "citizen",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appeals",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
                (
                    "compensation",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.compensation",
                        verbose_name="compensation",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appeals",
                        to="terminals.hotlistentry",
                        verbose_name="hot list entry",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="terminals.appealpolicy",
                        verbose_name="policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "appeal",
                "verbose_name_plural": "appeals",
                "permissions": [("decide_hotlistappeal", "Decide appeals against the hot list")],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(fields=("entry",), name="one_appeal_per_entry"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at", None),
                                ("decided_by", ""),
                                ("decision_reason", ""),
                                ("state", "open"),
                            ),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("state__in", ["granted", "refused"]),
                                models.Q(("decided_by", ""), _negated=True),
                                models.Q(("decision_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="appeal_decided_by_somebody_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("compensation", None), ("state", "granted"), _connector="OR"),
                        name="appeal_compensated_when_granted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TradingHours",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("opens", models.TimeField(verbose_name="opens")),
                ("closes", models.TimeField(verbose_name="closes")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="hours",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
            ],
            options={
                "verbose_name": "trading hours",
                "verbose_name_plural": "trading hours",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant", "valid_from"), name="trading_hours_once_per_date"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("legal_basis", ""), _negated=True), name="trading_hours_say_why"
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
        migrations.RunSQL(CHAIN, CHAIN_BACK),
    ]
