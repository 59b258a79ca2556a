# frozen_string_literal: true

# Routes as people write them, for web_test.rb.

require "knocker"
require "sinatra/base"

INBOX = KnockerSqlite.open(ENV.fetch("DATABASE"), receive_timeout_ms: 60_000)
INBOX.add_endpoint("shop", provider: "token-header", secrets: "t")
INBOX.add_endpoint("slack", provider: "slack", secrets: "slack secret")
INBOX.add_endpoint("twilio", provider: "twilio", secrets: "twilio secret", url: "https://shop.example/webhooks/twilio")

# The application.
class Shop < Sinatra::Base
  set :show_exceptions, false
  set :raise_errors, false

  error KnockerSqlite::Error do |error|
    [error.http_status, { "x-code" => error.code }, [error.message]]
  end

  # The shape of the quick start: a slice of the environment, and the parameters that Sinatra has made of query and form.
  post "/webhooks/:endpoint" do |endpoint|
    result = INBOX.receive(
      endpoint: endpoint,
      body: request.body.read,
      headers: request.env.select { |key, _| key.start_with?("HTTP_") },
      query: params.to_h
    )
    status result["status_code"]
  end

  post "/parsed/:endpoint" do |endpoint|
    result = INBOX.receive(endpoint: endpoint, body: JSON.parse(request.body.read), headers: request)
    status result["status_code"]
  end

  post "/eaten/:endpoint" do |endpoint|
    request.body.read
    result = INBOX.receive(endpoint: endpoint, body: request.body.read, headers: request, query: request.query_string)
    status result["status_code"]
  end
end

run Shop
