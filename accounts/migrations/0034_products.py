"""Card products by two people and by date; anonymous cards registered later, whose purses then hold what the product may."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

# As a product's own change reaches the purses (0011): as the owner, for the application may not touch floors and ceilings.
BOUNDS = """
CREATE FUNCTION accounts_card_registered() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM accounts_registration AS later WHERE later.card_id = NEW.id AND later.before_id = OLD.product_id)
    THEN
        RAISE EXCEPTION 'card % changes its product by registration only', NEW.pan
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'card_keeps_its_product';
    END IF;
    UPDATE accounts_purse AS purse
        SET ceiling_fen = CASE purse.kind WHEN 'chip' THEN balance_limit_fen ELSE account_limit_fen END,
            floor_fen = CASE purse.kind WHEN 'chip' THEN -overdraft_fen ELSE 0 END
        FROM accounts_cardproduct WHERE code = NEW.product_id AND purse.card_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER changes_by_registration AFTER UPDATE OF product_id ON accounts_card FOR EACH ROW
    WHEN (OLD.product_id <> NEW.product_id) EXECUTE FUNCTION accounts_card_registered();
"""
BOUNDS_BACK = """
DROP TRIGGER changes_by_registration ON accounts_card;
DROP FUNCTION accounts_card_registered();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0033_life_of_cards"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProductVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
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
                ("code", models.SlugField(max_length=20, verbose_name="code")),
                ("terms", models.JSONField(verbose_name="terms")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                ("applied_at", models.DateTimeField(blank=True, null=True, verbose_name="in force since")),
            ],
            options={
                "verbose_name": "version of a card product",
                "verbose_name_plural": "versions of card products",
                "permissions": [
                    ("propose_product", "Propose card products and their terms of sale"),
                    ("approve_product", "Approve or refuse card products that somebody else has proposed"),
                ],
                "abstract": False,
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
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
                        name="accounts_productversion_by_two",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "approved")),
                        fields=("code", "valid_from"),
                        name="one_version_of_a_product_per_date",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("applied_at", None), ("state", "approved"), _connector="OR"),
                        name="product_version_applied_when_approved",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("legal_basis", ""), _negated=True),
                        name="product_version_says_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Registration",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("registered_by", models.CharField(max_length=150, verbose_name="registered by")),
                ("registered_at", models.DateTimeField(verbose_name="registered at")),
                ("shows_earlier", models.BooleanField(default=False, verbose_name="shows earlier trips")),
                (
                    "before",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.cardproduct",
                        verbose_name="product before",
                    ),
                ),
                (
                    "card",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="registration",
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
            ],
            options={
                "verbose_name": "later registration",
                "verbose_name_plural": "later registrations",
                "default_permissions": (),
            },
        ),
        migrations.RunSQL(BOUNDS, BOUNDS_BACK),
    ]
