"""Passes: products, passes sold, their uses, what time takes of them."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django_fsm
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_passproduct
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_passuse
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_passlapse
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON accounts_passlapse;
DROP TRIGGER append_only ON accounts_passuse;
DROP TRIGGER append_only ON accounts_passproduct;
"""
# Over is over, and a pass never becomes worth more or longer: whoever writes can only use it up.
RULES = """
CREATE FUNCTION accounts_pass_only_wanes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pass % is over, or would become worth more', OLD.number
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'pass_only_wanes';
END $$;
CREATE TRIGGER only_wanes BEFORE UPDATE ON accounts_pass FOR EACH ROW
    WHEN (OLD.state <> 'active' OR NEW.unused_fen > OLD.unused_fen OR NEW.rides_left > OLD.rides_left
        OR (NEW.number, NEW.product_id, NEW.card_id, NEW.starts_on, NEW.ends_on, NEW.price_fen)
            <> (OLD.number, OLD.product_id, OLD.card_id, OLD.starts_on, OLD.ends_on, OLD.price_fen)
        OR (NEW.rides_left IS NULL) <> (OLD.rides_left IS NULL))
    EXECUTE FUNCTION accounts_pass_only_wanes();
"""
RULES_BACK = """
DROP TRIGGER only_wanes ON accounts_pass;
DROP FUNCTION accounts_pass_only_wanes();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_purses")]
    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="PassProduct",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(max_length=20, verbose_name="code")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("name", models.CharField(max_length=50, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("monthly", "monthly pass"),
                            ("times", "times card"),
                            ("annual", "annual pass"),
                        ],
                        max_length=7,
                        verbose_name="kind",
                    ),
                ),
                ("price_fen", models.BigIntegerField(verbose_name="price (fen)")),
                (
                    "rides",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="empty: any number", null=True, verbose_name="rides"
                    ),
                ),
                (
                    "validity_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="empty: to the end of the calendar month",
                        null=True,
                        verbose_name="validity (days)",
                    ),
                ),
                (
                    "channels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10), size=None, verbose_name="valid in"
                    ),
                ),
                (
                    "concession",
                    models.CharField(
                        blank=True,
                        help_text="what the buyer has to prove; empty: everybody",
                        max_length=100,
                        verbose_name="only for",
                    ),
                ),
                (
                    "refund",
                    models.CharField(
                        choices=[
                            ("none", "not refundable"),
                            ("unused", "until first used"),
                            ("pro_rata", "what is unused"),
                        ],
                        max_length=8,
                        verbose_name="refundable",
                    ),
                ),
                ("refund_fee_fen", models.BigIntegerField(default=0, verbose_name="refund fee (fen)")),
                (
                    "unused",
                    models.CharField(
                        choices=[("operator", "operator"), ("income", "card company")],
                        max_length=8,
                        verbose_name="rides never taken go to",
                    ),
                ),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "operator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.ledgeraccount",
                        verbose_name="operator's payable account",
                    ),
                ),
            ],
            options={
                "verbose_name": "pass product",
                "verbose_name_plural": "pass products",
            },
        ),
        migrations.CreateModel(
            name="Pass",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=40, unique=True, verbose_name="number")),
                ("starts_on", models.DateField(verbose_name="first day")),
                ("ends_on", models.DateField(verbose_name="last day")),
                ("price_fen", models.BigIntegerField(verbose_name="price (fen)")),
                (
                    "rides_left",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="rides left"),
                ),
                ("unused_fen", models.BigIntegerField(verbose_name="unused (fen)")),
                (
                    "refunded_fen",
                    models.BigIntegerField(default=0, verbose_name="given back, fee included (fen)"),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("active", "valid"),
                            ("used_up", "used up"),
                            ("expired", "expired"),
                            ("refunded", "refunded"),
                        ],
                        default="active",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "paid_by",
                    models.CharField(
                        choices=[("cash", "cash at the counter"), ("purse", "account purse")],
                        max_length=5,
                        verbose_name="paid by",
                    ),
                ),
                ("proof", models.CharField(blank=True, max_length=100, verbose_name="proof seen")),
                ("sold_at", models.DateTimeField(verbose_name="sold at")),
                (
                    "card",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="passes",
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="passes",
                        to="accounts.passproduct",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "pass",
                "verbose_name_plural": "passes",
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name="PassUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=100, unique=True, verbose_name="idempotency key")),
                ("channel", models.CharField(max_length=10, verbose_name="channel")),
                ("fare_fen", models.BigIntegerField(verbose_name="fare (fen)")),
                ("value_fen", models.BigIntegerField(verbose_name="paid by the pass (fen)")),
                ("used_at", models.DateTimeField(verbose_name="used at")),
                (
                    "card_pass",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uses",
                        to="accounts.pass",
                        verbose_name="pass",
                    ),
                ),
                (
                    "payee",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.ledgeraccount",
                        verbose_name="payee",
                    ),
                ),
            ],
            options={
                "verbose_name": "use of a pass",
                "verbose_name_plural": "uses of passes",
            },
        ),
        migrations.CreateModel(
            name="PassLapse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("until", models.DateField(verbose_name="until")),
                ("value_fen", models.BigIntegerField(verbose_name="lapsed (fen)")),
                (
                    "card_pass",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lapses",
                        to="accounts.pass",
                        verbose_name="pass",
                    ),
                ),
            ],
            options={
                "verbose_name": "lapse of a pass",
                "verbose_name_plural": "lapses of passes",
                "constraints": [
                    models.UniqueConstraint(fields=("card_pass", "until"), name="pass_lapses_once_per_date"),
                    models.CheckConstraint(
                        condition=models.Q(("value_fen__gt", 0)), name="pass_lapse_positive"
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="passproduct",
            constraint=models.UniqueConstraint(
                fields=("code", "valid_from"), name="pass_product_once_per_date"
            ),
        ),
        migrations.AddConstraint(
            model_name="passproduct",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("price_fen__gt", 0),
                    ("refund_fee_fen__gte", 0),
                    ("refund_fee_fen__lte", models.F("price_fen")),
                ),
                name="pass_product_amounts_sane",
            ),
        ),
        migrations.AddConstraint(
            model_name="passproduct",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("rides", None), models.Q(("kind", "times"), _negated=True)),
                    models.Q(
                        ("rides__gte", 1), ("rides__isnull", False), ("rides__lte", models.F("price_fen"))
                    ),
                    _connector="OR",
                ),
                name="pass_product_rides_sane",
            ),
        ),
        migrations.AddConstraint(
            model_name="passproduct",
            constraint=models.CheckConstraint(
                condition=models.Q(("validity_days", None), ("validity_days__gte", 1), _connector="OR"),
                name="pass_product_validity_sane",
            ),
        ),
        migrations.AddConstraint(
            model_name="passproduct",
            constraint=models.CheckConstraint(
                condition=models.Q(("channels__len__gte", 1)), name="pass_product_valid_somewhere"
            ),
        ),
        migrations.AddIndex(
            model_name="pass",
            index=models.Index(
                condition=models.Q(("state", "active")), fields=["ends_on"], name="pass_running_ends"
            ),
        ),
        migrations.AddConstraint(
            model_name="pass",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_on__gte", models.F("starts_on"))), name="pass_days_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="pass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("price_fen__gt", 0),
                    ("refunded_fen__gte", 0),
                    ("unused_fen__gte", 0),
                    (
                        "price_fen__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("unused_fen"), "+", models.F("refunded_fen")
                        ),
                    ),
                ),
                name="pass_within_its_price",
            ),
        ),
        migrations.AddConstraint(
            model_name="pass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "active"), ("unused_fen__gt", 0)),
                    models.Q(models.Q(("state", "active"), _negated=True), ("unused_fen", 0)),
                    _connector="OR",
                ),
                name="pass_holds_something_while_it_runs",
            ),
        ),
        migrations.AddConstraint(
            model_name="pass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("rides_left", 0), ("state", "active"), _negated=True),
                    models.Q(("rides_left__gt", 0), ("state", "used_up"), _negated=True),
                ),
                name="pass_used_up_without_rides",
            ),
        ),
        migrations.AddConstraint(
            model_name="pass",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("state", "active")),
                expressions=[
                    ("card", "="),
                    ("product", "="),
                    (
                        models.Func(
                            "starts_on",
                            "ends_on",
                            django.contrib.postgres.fields.ranges.RangeBoundary(inclusive_upper=True),
                            function="daterange",
                            output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="one_running_pass_of_a_product_per_card",
            ),
        ),
        migrations.AddConstraint(
            model_name="passuse",
            constraint=models.CheckConstraint(
                condition=models.Q(("fare_fen__gte", 0), ("value_fen__gte", 0)), name="pass_use_amounts_sane"
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
        migrations.RunSQL(RULES, RULES_BACK),
    ]
