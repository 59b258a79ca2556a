# Run handlers until SIGTERM or Ctrl-C, also as the first process of a container: `mix run --no-halt samples/worker.exs`.
#
# STRIPE_WEBHOOK_SECRET is the endpoint's secret, DATABASE the file (app.db). The VM stops its applications on SIGTERM,
# and the supervision tree lets running handlers finish: nothing else is needed.

defmodule Sample.Payments do
  alias KnockerSqlite.Tx

  # Notes a payment. The row and "handled" are one commit.
  def paid(event, tx) do
    invoice = KnockerSqlite.json(event)["data"]["object"]
    Tx.execute!(tx, "CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY, invoice TEXT, cents INTEGER)")

    Tx.execute!(tx, "INSERT INTO payments (event, invoice, cents) VALUES (:event, :invoice, :cents)",
      event: event["provider_event_id"],
      invoice: invoice["id"],
      cents: invoice["amount_paid"]
    )
  end
end

defmodule Sample.Application do
  use Application

  @impl true
  def start(_, _) do
    children = [
      {KnockerSqlite,
       name: Sample.Inbox,
       path: System.get_env("DATABASE", "app.db"),
       endpoints: [
         [name: "orders", provider: "stripe", secrets: System.get_env("STRIPE_WEBHOOK_SECRET"), unhandled: "ignore"]
       ],
       handlers: [{"orders", "invoice.paid", &Sample.Payments.paid/2}],
       worker: [concurrency: 4, stop_timeout_s: 20]}
    ]

    Supervisor.start_link(children, strategy: :one_for_one)
  end

  @impl true
  def stop(_), do: IO.puts("stopped")
end

# A script is no application; this makes it one, so that the VM stops it in order.
:ok =
  :application.load({:application, :sample, mod: {Sample.Application, []}, applications: [:knocker_sqlite], vsn: ~c"1"})

{:ok, _} = Application.ensure_all_started(:sample, :permanent)
IO.puts("working")
