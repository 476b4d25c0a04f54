"""The page on which a person pays in the sandbox: one amount, two buttons."""

from __future__ import annotations

from html import escape

from citizencard.core.money import format_yuan
from citizencard.sandbox.intents import Intent

_STATUS = {"succeeded": "已支付 Paid", "canceled": "已取消 Canceled"}
_PAGE = """<!doctype html>
<html lang="zh-Hans"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>沙盒收银台 Sandbox checkout</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:15vh auto;padding:0 1rem;text-align:center}}
strong{{display:block;font-size:2.5rem;margin:1rem}}button{{font:inherit;padding:.6rem 1.6rem;margin:.3rem}}</style></head>
<body><main><h1>沙盒收银台<br><small>Sandbox checkout</small></h1><p>{order}</p><strong>¥ {amount}</strong>{action}</main>
</body></html>"""
_BUTTONS = """<form method="post"><button name="do" value="pay">支付 Pay</button>
<button name="do" value="decline">模拟拒付 Decline</button></form>"""


def pay_page(intent: Intent, notice: str = "") -> bytes:
    """HTML of a payment: buttons while it is open, its outcome afterwards."""
    action = f"<p role='status'>{_STATUS[intent.status]}</p>" if intent.status in _STATUS else _BUTTONS
    note = f"<p role='alert'>{escape(notice)}</p>" if notice else ""
    return _PAGE.format(
        order=escape(intent.metadata.get("order_number", intent.id)),
        amount=format_yuan(intent.amount),
        action=note + action,
    ).encode()
