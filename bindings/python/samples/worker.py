"""Run handlers until SIGTERM or Ctrl-C, also as the first process of a container.

python worker.py
"""

import logging
import os
import signal

import knocker

logging.basicConfig(level=logging.INFO)

webhooks = knocker.open(os.environ.get("DATABASE", "app.db"))
orders = webhooks.endpoint("orders", provider="stripe", secrets=os.environ["STRIPE_WEBHOOK_SECRET"], unhandled="ignore")


@orders.handle("invoice.paid")
def invoice_paid(event: knocker.Event, tx: knocker.Tx) -> None:
    """Note a payment. The row and "handled" are one commit."""
    tx.execute("CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY, invoice TEXT, cents INTEGER)")
    invoice = event.json()["data"]["object"]
    tx.execute(
        "INSERT INTO payments (event, invoice, cents) VALUES (:event, :invoice, :cents)",
        {"event": event.provider_event_id, "invoice": invoice["id"], "cents": invoice["amount_paid"]},
    )


def main() -> None:
    """Work until told to stop, then let running handlers finish."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: webhooks.stop())
    with webhooks:
        report = webhooks.run_worker(concurrency=4, stop_timeout_s=20)
    logging.info("stopped; rolled back: %s, given back: %s", report.rolled_back, report.given_back)


if __name__ == "__main__":
    main()
