# frozen_string_literal: true

# Run handlers until SIGTERM or Ctrl-C, also as the first process of a container: `ruby samples/worker.rb`

require "knocker"
require "logger"

KnockerSqlite.logger = Logger.new($stderr)

KnockerSqlite.open(ENV.fetch("DATABASE", "app.db")) do |inbox|
  %w[TERM INT].each { |name| Signal.trap(name) { inbox.stop } }
  orders = inbox.add_endpoint("orders", provider: "stripe", secrets: ENV.fetch("STRIPE_WEBHOOK_SECRET"), unhandled: "ignore")

  # The row and "handled" are one commit.
  orders.handle("invoice.paid") do |event, tx|
    tx.execute("CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY, invoice TEXT, cents INTEGER)")
    invoice = event.json["data"]["object"]
    tx.execute("INSERT INTO payments (event, invoice, cents) VALUES (:event, :invoice, :cents)",
               { event: event["provider_event_id"], invoice: invoice["id"], cents: invoice["amount_paid"] })
  end

  report = inbox.run_worker(concurrency: 4, stop_timeout_s: 20)
  KnockerSqlite.logger.info("stopped; rolled back: #{report.rolled_back}, given back: #{report.given_back}")
end
