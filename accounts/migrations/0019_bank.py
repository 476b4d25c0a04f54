from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0018_single_posting"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ledgeraccount",
            name="chart",
            field=models.CharField(
                choices=[
                    ("1001", "reserve bank deposit"),
                    ("1011", "counter cash"),
                    ("1012", "payment gateway receivable"),
                    ("1013", "agent receivable"),
                    ("1014", "kiosk cash"),
                    ("1015", "direct debit receivable"),
                    ("1221", "suspense receivable"),
                    ("1231", "subsidy receivable"),
                    ("2011", "purse funds, real-name cards"),
                    ("2012", "purse funds, anonymous cards"),
                    ("2013", "account purse funds"),
                    ("2021", "card deposits"),
                    ("2031", "top-ups in transit"),
                    ("2032", "refunds payable"),
                    ("2033", "compensation payable"),
                    ("2051", "passes sold, not yet used"),
                    ("2202", "merchant payable"),
                    ("2203", "settlement payable"),
                    ("2204", "operator payable"),
                    ("2205", "payouts in transit"),
                    ("2241", "suspense payable"),
                    ("2242", "disputed"),
                    ("6001", "fee income"),
                    ("6002", "card sales"),
                    ("6003", "service fees"),
                    ("6711", "write-off"),
                ],
                db_index=True,
                max_length=4,
                verbose_name="chart account",
            ),
        ),
    ]
