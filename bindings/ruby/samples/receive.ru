# frozen_string_literal: true

# Receive webhooks with Sinatra: `puma samples/receive.ru` (needs the gems sinatra and puma).
#
# The route passes on what it got and answers what the inbox says. It takes GET and HEAD too, because some providers ask with these
# whether the URL is yours.

require "knocker"
require "sinatra/base"

# The inbox is opened by the first request, so that every process of a cluster opens its own.
module Inbox
  OPENING = Mutex.new

  def self.orders
    @orders || OPENING.synchronize { @orders ||= open }
  end

  def self.open
    inbox = KnockerSqlite.open(ENV.fetch("DATABASE", "app.db"))
    inbox.add_endpoint("orders", provider: "stripe", secrets: ENV.fetch("STRIPE_WEBHOOK_SECRET"), unhandled: "ignore")
  end
end

# The application.
class Webhooks < Sinatra::Base
  route = lambda do
    Inbox.orders.receive(body: request.body, headers: request.env, query: request.query_string, method: request.request_method)
         .response.to_rack
  rescue KnockerSqlite::Error => error
    error.http_status
  end

  get("/webhooks/orders", &route) # HEAD too
  post("/webhooks/orders", &route)
end

run Webhooks
