# frozen_string_literal: true

# A Rails application in one file, for web_test.rb.

require "action_controller/railtie"
require "knocker"

# What an initializer does. The handlers are registered at each reload, with the code as it is then.
INBOX = KnockerSqlite.open(ENV.fetch("DATABASE"), receive_timeout_ms: 60_000)
INBOX.add_endpoint("shop", provider: "token-header", secrets: "t")
INBOX.add_endpoint("slack", provider: "slack", secrets: "slack secret")
RELOADS = [0] # rubocop:disable Style/MutableConstant -- it counts

# The application.
class App < Rails::Application
  config.load_defaults Rails::VERSION::STRING.to_f
  config.eager_load = false
  config.cache_classes = false
  config.secret_key_base = "never to be stored"
  config.hosts.clear
  config.logger = Logger.new(nil)
  config.consider_all_requests_local = false
  config.to_prepare do
    version = (RELOADS[0] += 1)
    INBOX.register_handler("shop") do |event, tx|
      tx.execute("CREATE TABLE IF NOT EXISTS handled (event INTEGER, version INTEGER)")
      tx.execute("INSERT INTO handled VALUES (?, ?)", [event.id, version])
    end
  end
end

App.initialize!

# Routes of webhooks.
class WebhooksController < ActionController::Base
  skip_forgery_protection

  rescue_from KnockerSqlite::Error do |error|
    response.headers["x-code"] = error.code
    head error.http_status
  end

  def create
    result = INBOX.receive(endpoint: params[:endpoint], body: request.raw_post, headers: request.headers, query: request.query_string)
    answer(result.response)
  end

  def streamed
    answer(INBOX.receive(endpoint: params[:endpoint], body: request.body, headers: request.headers, query: params).response)
  end

  def parsed
    INBOX.receive(endpoint: params[:endpoint], body: params, headers: request.headers)
  end

  # What happens between two requests when a file has changed.
  def reload
    Rails.application.reloader.prepare!
    render plain: RELOADS[0].to_s
  end

  def work
    render plain: INBOX.run_worker_once.map(&:status).join(",")
  end

  private

  def answer(reply)
    response.headers.merge!(reply.headers)
    render status: reply.status_code, plain: reply.body || ""
  end
end

App.routes.draw do
  post "/webhooks/:endpoint", to: "webhooks#create"
  post "/streamed/:endpoint", to: "webhooks#streamed"
  post "/parsed/:endpoint", to: "webhooks#parsed"
  post "/reload", to: "webhooks#reload"
  post "/work", to: "webhooks#work"
end

run App
