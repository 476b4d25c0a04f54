"""Account purses: limits as dated policy, holds, payments in one call, refunds within what was paid."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models
from django.db.models import F, Q

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_limitpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_payment
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_paymentrefund
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON accounts_paymentrefund;
DROP TRIGGER append_only ON accounts_payment;
DROP TRIGGER append_only ON accounts_limitpolicy;
"""

# What is reserved of a purse moves with its holds, in the same statement, and in no other way. Purses are locked in the
# order in which postings lock them.
HOLDS = """
CREATE FUNCTION accounts_move_held() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM accounts_purse WHERE id IN (SELECT purse_id FROM after) ORDER BY account_id FOR UPDATE;
    IF TG_OP = 'UPDATE' THEN
        UPDATE accounts_purse AS purse SET held_fen = purse.held_fen - change.fen
        FROM (
            SELECT purse_id, sum(amount_fen - captured_fen) AS fen FROM before WHERE state = 'reserved' GROUP BY 1
        ) AS change WHERE purse.id = change.purse_id;
    END IF;
    UPDATE accounts_purse AS purse SET held_fen = purse.held_fen + change.fen
    FROM (
        SELECT purse_id, sum(amount_fen - captured_fen) AS fen FROM after WHERE state = 'reserved' GROUP BY 1
    ) AS change WHERE purse.id = change.purse_id;
    RETURN NULL;
END $$;
CREATE TRIGGER reserve AFTER INSERT ON accounts_hold REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_move_held();
CREATE TRIGGER free AFTER UPDATE ON accounts_hold REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_move_held();

CREATE FUNCTION accounts_refuse_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'only holds reserve' USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'purse_held_by_holds';
END $$;
CREATE TRIGGER held_by_holds BEFORE UPDATE OF held_fen ON accounts_purse FOR EACH ROW
    WHEN (NEW.held_fen <> OLD.held_fen AND pg_trigger_depth() = 0) EXECUTE FUNCTION accounts_refuse_held();

CREATE FUNCTION accounts_refuse_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hold % stays as it is', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'hold_one_way';
END $$;
CREATE TRIGGER one_way BEFORE UPDATE ON accounts_hold FOR EACH ROW
    WHEN (OLD.state <> 'reserved' OR NEW.captured_fen < OLD.captured_fen
        OR to_jsonb(NEW) - '{state,captured_fen,ended_at}'::text[]
            <> to_jsonb(OLD) - '{state,captured_fen,ended_at}'::text[])
    EXECUTE FUNCTION accounts_refuse_hold();
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON accounts_hold
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
HOLDS_BACK = """
DROP TRIGGER kept ON accounts_hold;
DROP TRIGGER one_way ON accounts_hold;
DROP FUNCTION accounts_refuse_hold();
DROP TRIGGER held_by_holds ON accounts_purse;
DROP FUNCTION accounts_refuse_held();
DROP TRIGGER free ON accounts_hold;
DROP TRIGGER reserve ON accounts_hold;
DROP FUNCTION accounts_move_held();
"""

# The payment's row is locked first, so that two refunds at once each see the other.
REFUNDS = """
CREATE FUNCTION accounts_keep_payment_refunds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM accounts_payment WHERE id IN (SELECT payment_id FROM added) ORDER BY id FOR UPDATE;
    IF EXISTS (
        SELECT FROM accounts_payment AS payment WHERE id IN (SELECT payment_id FROM added) AND amount_fen
            < (SELECT sum(amount_fen) FROM accounts_paymentrefund WHERE payment_id = payment.id)
    ) THEN
        RAISE EXCEPTION 'more refunded than paid'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refunds_within_payment';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER within_payment AFTER INSERT ON accounts_paymentrefund REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_keep_payment_refunds();
"""
REFUNDS_BACK = """
DROP TRIGGER within_payment ON accounts_paymentrefund;
DROP FUNCTION accounts_keep_payment_refunds();
"""

# One place that says whether a rule of the day stands against an amount; NULL when none does. The purse's lock is a
# statement of its own: what comes after sees all that was committed while it waited.
LIMITS = """
CREATE FUNCTION accounts_promised_fen(purse bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT balance_fen + coalesce((
        SELECT sum(amount_fen) FROM accounts_topuporder WHERE purse_id = purse AND state IN ('paid', 'loaded')
    ), 0)::bigint FROM accounts_purse WHERE id = purse
$$;

CREATE FUNCTION accounts_limit_used(purse bigint, operation text, via text, first date, last date)
    RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF operation = 'top_up' THEN
        RETURN (
            SELECT coalesce(sum(amount_fen), 0) FROM accounts_topuporder
            WHERE purse_id = purse AND state <> 'reversed' AND via IN ('', channel)
                AND (occurred_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN first AND last
        );
    END IF;
    RETURN (
        SELECT coalesce(sum(amount_fen), 0) FROM accounts_payment
        WHERE purse_id = purse AND counted_on BETWEEN first AND last AND via IN ('', channel)
    ) - (
        SELECT coalesce(sum(refund.amount_fen), 0) FROM accounts_payment AS payment
        JOIN accounts_paymentrefund AS refund ON refund.payment_id = payment.id
        WHERE purse_id = purse AND counted_on BETWEEN first AND last AND via IN ('', channel)
    ) + (
        SELECT coalesce(sum(amount_fen - captured_fen), 0) FROM accounts_hold
        WHERE purse_id = purse AND counted_on BETWEEN first AND last AND via IN ('', channel) AND state = 'reserved'
    );
END $$;

CREATE FUNCTION accounts_limit_refusal(
    purse bigint, wanted text, via text, amount bigint, day date, holding bigint DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', day);
    last date := first + interval '1 month - 1 day';
    refusal jsonb;
BEGIN
    PERFORM FROM accounts_purse WHERE id = purse FOR UPDATE;
    WITH scope AS (
        SELECT card.product_id, coalesce(citizen.level, 0) AS level, p.ceiling_fen
        FROM accounts_purse AS p JOIN accounts_card AS card ON card.id = p.card_id
        LEFT JOIN accounts_citizen AS citizen ON citizen.id = card.citizen_id WHERE p.id = purse
    ), version AS (
        SELECT DISTINCT ON (code) * FROM accounts_limitpolicy
        WHERE operation = wanted AND valid_from <= day ORDER BY code, valid_from DESC
    ), rule AS (
        SELECT version.code, measure, limit_fen, legal_basis, channel FROM version, scope
        WHERE coalesce(valid_until, day) >= day AND channel IN ('', via)
            AND coalesce(version.product_id, scope.product_id) = scope.product_id
            AND coalesce(version.level, scope.level) = scope.level
        UNION ALL
        SELECT product_id, 'ceiling', ceiling_fen, '', '' FROM scope WHERE wanted = 'top_up'
    ), judged AS (
        SELECT rule.*, CASE measure
            WHEN 'daily' THEN accounts_limit_used(purse, wanted, channel, day, day)
            WHEN 'monthly' THEN accounts_limit_used(purse, wanted, channel, first, last)
            WHEN 'balance' THEN coalesce(holding, accounts_promised_fen(purse))
            WHEN 'ceiling' THEN coalesce(holding, accounts_promised_fen(purse))
            ELSE 0 END AS used_fen,
            coalesce(max(limit_fen) FILTER (WHERE measure = 'minimum') OVER (), 1) AS minimum_fen,
            coalesce(min(limit_fen) FILTER (WHERE measure IN ('single', 'ceiling')) OVER (),
                (SELECT ceiling_fen FROM scope)) AS maximum_fen
        FROM rule WHERE holding IS NULL OR measure IN ('balance', 'ceiling')
    )
    SELECT to_jsonb(judged) INTO refusal FROM judged
    WHERE CASE measure WHEN 'minimum' THEN amount < limit_fen ELSE used_fen + amount > limit_fen END
    ORDER BY measure = 'ceiling', limit_fen - used_fen, code LIMIT 1;
    RETURN refusal;
END $$;
"""
LIMITS_BACK = """
DROP FUNCTION accounts_limit_refusal(bigint, text, text, bigint, date, bigint);
DROP FUNCTION accounts_limit_used(bigint, text, text, date, date);
DROP FUNCTION accounts_promised_fen(bigint);
"""

# A payment in one round trip, outside a transaction block as well: once per key, under the purse's lock. What is paid
# from a hold was judged when it was reserved.
PAY = """
CREATE FUNCTION accounts_pay(
    key text, purse bigint, debit bigint, payee bigint, amount bigint, kind smallint, channel text, place text,
    actor text, occurred timestamptz, day date, hold bigint,
    OUT payment_id bigint, OUT is_new boolean, OUT card_state text, OUT refusal jsonb
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM accounts_purse WHERE id = purse FOR UPDATE;
    is_new := false;
    SELECT id INTO payment_id FROM accounts_payment AS p WHERE p.key = accounts_pay.key;
    IF payment_id IS NOT NULL THEN
        RETURN;
    END IF;
    IF hold IS NULL THEN
        SELECT card.state INTO card_state FROM accounts_purse AS p JOIN accounts_card AS card ON card.id = p.card_id
            WHERE p.id = purse;
        IF card_state <> 'active' THEN
            RETURN;
        END IF;
        refusal := accounts_limit_refusal(purse, 'payment', channel, amount, day);
        IF refusal IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;
    is_new := true;
    INSERT INTO accounts_payment
        (key, purse_id, payee_id, amount_fen, channel, place, hold_id, counted_on, actor, occurred_at)
        VALUES (accounts_pay.key, purse, payee, amount, accounts_pay.channel, accounts_pay.place, hold, day,
            accounts_pay.actor, occurred)
        RETURNING id INTO payment_id;
    IF NOT (SELECT j.is_new FROM accounts_post_journal(
        'payment:' || accounts_pay.key, 'payment', accounts_pay.actor, '', accounts_pay.key, NULL, NULL, NULL,
        ARRAY[debit], ARRAY[payee], ARRAY[amount], ARRAY[accounts_pay.kind], ARRAY[payment_id], ARRAY[occurred]
    ) AS j) THEN
        RAISE unique_violation USING MESSAGE = 'the journal of a payment that is not there';
    END IF;
END $$;
"""
PAY_BACK = """
DROP FUNCTION accounts_pay(
    text, bigint, bigint, bigint, bigint, smallint, text, text, text, timestamptz, date, bigint);
"""


def _payee():
    return models.ForeignKey(
        "accounts.ledgeraccount",
        django.db.models.deletion.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name="payee",
    )


def _purse(related_name):
    return models.ForeignKey(
        "accounts.purse",
        django.db.models.deletion.PROTECT,
        db_index=False,
        related_name=related_name,
        verbose_name="purse",
    )


def _id():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_refunds")]
    operations = [
        migrations.CreateModel(
            "LimitPolicy",
            [
                ("id", _id()),
                ("code", models.SlugField("rule", max_length=40, db_index=False)),
                (
                    "measure",
                    models.CharField(
                        "measure",
                        max_length=7,
                        choices=[
                            ("minimum", "at least, at once"),
                            ("single", "at most, at once"),
                            ("daily", "at most in a day"),
                            ("monthly", "at most in a calendar month"),
                            ("balance", "balance at most"),
                        ],
                    ),
                ),
                (
                    "operation",
                    models.CharField(
                        "operation", max_length=7, choices=[("top_up", "top-up"), ("payment", "payment")]
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        "accounts.cardproduct",
                        django.db.models.deletion.PROTECT,
                        blank=True,
                        help_text="empty: all",
                        null=True,
                        verbose_name="product",
                    ),
                ),
                ("channel", models.CharField("channel", max_length=10, blank=True, help_text="empty: all")),
                (
                    "level",
                    models.PositiveSmallIntegerField(
                        "verification level",
                        blank=True,
                        choices=[
                            (0, "no holder on record"),
                            (1, "L1: phone and identity checked"),
                            (2, "L2: seen in person"),
                        ],
                        help_text="empty: all",
                        null=True,
                    ),
                ),
                ("limit_fen", models.BigIntegerField("limit (fen)")),
                ("valid_from", models.DateField("valid from")),
                ("valid_until", models.DateField("valid until", blank=True, null=True)),
                ("legal_basis", models.CharField("legal basis", max_length=200)),
            ],
            {
                "verbose_name": "limit",
                "verbose_name_plural": "limits",
                "constraints": [
                    models.UniqueConstraint(fields=["code", "valid_from"], name="limit_once_per_date"),
                    models.CheckConstraint(
                        condition=Q(
                            limit_fen__gte=0,
                            measure__in=["minimum", "single", "daily", "monthly", "balance"],
                            operation__in=["top_up", "payment"],
                        )
                        & ~Q(legal_basis=""),
                        name="limit_says_what_and_why",
                    ),
                    models.CheckConstraint(
                        condition=~Q(measure="balance") | Q(operation="top_up"),
                        name="limit_of_balance_is_of_top_ups",
                    ),
                    models.CheckConstraint(
                        condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                        name="limit_validity_order",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            "Hold",
            [
                ("id", _id()),
                ("key", models.CharField("idempotency key", max_length=100, unique=True)),
                ("purse", _purse("holds")),
                ("payee", _payee()),
                ("amount_fen", models.BigIntegerField("amount (fen)")),
                ("captured_fen", models.BigIntegerField("captured (fen)", default=0)),
                (
                    "state",
                    django_fsm.FSMField(
                        "state",
                        choices=[
                            ("reserved", "reserved"),
                            ("captured", "captured"),
                            ("released", "released"),
                            ("expired", "expired"),
                        ],
                        default="reserved",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("channel", models.CharField("channel", max_length=10)),
                ("counted_on", models.DateField("counted on", help_text="the date whose limits it uses up")),
                ("reason", models.CharField("reason", max_length=200)),
                ("actor", models.CharField("actor", max_length=100)),
                ("occurred_at", models.DateTimeField("occurred at")),
                ("expires_at", models.DateTimeField("expires at")),
                ("ended_at", models.DateTimeField("ended at", blank=True, null=True)),
            ],
            {
                "verbose_name": "hold",
                "verbose_name_plural": "holds",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(amount_fen__gt=0, captured_fen__gte=0, captured_fen__lte=F("amount_fen")),
                        name="hold_amounts_sane",
                    ),
                    models.CheckConstraint(
                        condition=Q(expires_at__gt=F("occurred_at")), name="hold_expires_later"
                    ),
                    models.CheckConstraint(
                        condition=Q(state="reserved", ended_at=None, captured_fen__lt=F("amount_fen"))
                        | Q(state="captured", ended_at__isnull=False, captured_fen__gt=0)
                        | Q(state__in=["released", "expired"], ended_at__isnull=False),
                        name="hold_state_has_its_facts",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["purse", "counted_on"], name="hold_counted"),
                    models.Index(fields=["expires_at"], condition=Q(state="reserved"), name="hold_expiring"),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            "Payment",
            [
                ("id", _id()),
                ("key", models.CharField("idempotency key", max_length=100)),
                ("purse", _purse("payments")),
                ("payee", _payee()),
                ("amount_fen", models.BigIntegerField("amount (fen)")),
                ("channel", models.CharField("channel", max_length=10)),
                ("place", models.CharField("place", max_length=50, blank=True)),
                (
                    "hold",
                    models.ForeignKey(
                        "accounts.hold",
                        django.db.models.deletion.PROTECT,
                        blank=True,
                        db_index=False,
                        null=True,
                        related_name="payments",
                        verbose_name="hold",
                    ),
                ),
                ("counted_on", models.DateField("counted on", help_text="the date whose limits it uses up")),
                ("actor", models.CharField("actor", max_length=100)),
                ("occurred_at", models.DateTimeField("occurred at")),
            ],
            {
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
                "constraints": [
                    models.UniqueConstraint(fields=["key"], name="payment_once_per_key"),
                    models.CheckConstraint(condition=Q(amount_fen__gt=0), name="payment_amount_positive"),
                ],
                "indexes": [
                    models.Index(fields=["purse", "counted_on"], name="payment_counted"),
                    models.Index(fields=["hold"], condition=Q(hold__isnull=False), name="payment_from_hold"),
                ],
            },
        ),
        migrations.CreateModel(
            "PaymentRefund",
            [
                ("id", _id()),
                (
                    "payment",
                    models.ForeignKey(
                        "accounts.payment",
                        django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        verbose_name="payment",
                    ),
                ),
                ("key", models.CharField("idempotency key", max_length=100, unique=True)),
                ("amount_fen", models.BigIntegerField("amount (fen)")),
                ("reason", models.CharField("reason", max_length=200)),
                ("actor", models.CharField("actor", max_length=100)),
                ("occurred_at", models.DateTimeField("occurred at")),
            ],
            {
                "verbose_name": "payment refund",
                "verbose_name_plural": "payment refunds",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(amount_fen__gt=0), name="payment_refund_amount_positive"
                    )
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
        migrations.RunSQL(HOLDS, HOLDS_BACK),
        migrations.RunSQL(REFUNDS, REFUNDS_BACK),
        migrations.RunSQL(LIMITS, LIMITS_BACK),
        migrations.RunSQL(PAY, PAY_BACK),
    ]
