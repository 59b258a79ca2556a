# frozen_string_literal: true

require "json"

# A durable inbox for webhooks, in one SQLite file: verify, store, answer, process later.
#
#     inbox = KnockerSqlite.open("app.db")
#     orders = inbox.add_endpoint("orders", provider: "stripe", secrets: ENV["STRIPE_SECRET"])
#     orders.handle("invoice.paid") { |event, tx| tx.execute("INSERT INTO paid VALUES (?)", [event.json["id"]]) }
#
#     post "/webhooks/orders" do
#       orders.receive(body: request.body, headers: request, query: request.query_string).response.to_rack
#     end
#
#     inbox.run_worker(concurrency: 4)
#
# Requiring it loads no library and touches no file: the first {open} does.
module KnockerSqlite
  class << self
    # Where handlers' failures are told, such as Rails.logger. Nothing is told while it is nil.
    # @return [Logger, nil] Defaults to nil.
    attr_accessor :logger

    # Open an inbox, and make the file where there is none. With a block the inbox is closed when it ends.
    #
    # @param path [String, Pathname]
    # @param options queue_name: ("knocker.events"), busy_timeout_ms: (5,000), receive_timeout_ms: (2,500), max_body_bytes: (25 MiB),
    #   max_orphans: (10,000), max_orphan_bytes: (256 MiB), max_orphan_body_bytes: (64 KiB), max_orphans_per_s: (20), redact_headers:
    #   (Array of names), file_mode: (0o600), migrate: ("auto" or "never"), journal_mode: ("wal" or "keep"), foreign_keys: (true),
    #   max_transaction_s: (3), allow_network_file_system: (false), max_attempts: (12), backoff_initial_s: (1), backoff_factor: (3),
    #   backoff_max_s: (3,600), backoff_jitter: (true), engine: ("embedded", or "host"
    #   for the SQLite that has loaded the library as an extension), clock: ({now_s: n}: a clock that is set, for tests)
    # @yieldparam inbox [Inbox]
    # @return [Inbox, Object] what the block answered, where there is one
    # @raise [Error] cannot_open, not_a_database, schema_too_new, open_options_conflict, unsupported_platform, forked, …
    def open(path, **options)
      inbox = Inbox.new(path, options)
      return inbox unless block_given?

      begin
        yield inbox
      ensure
        inbox.close
      end
    end

    # Make a request as a provider would send it, for tests and trials. Send what it answers and not what was given: some providers put
    # their signature into the body or the URL.
    #
    # @param provider [String]
    # @param body [String] Defaults to nothing.
    # @param fields secret: or secrets: (of several, the first signs), at: (Unix seconds, defaults to now), event_id:, event_type:, url:,
    #   method: ("POST"), provider_options:
    # @return [SignedRequest]
    # @raise [Error] unknown_provider, invalid_secret, invalid_argument
    def sign(provider:, body: "", **fields)
      request = Arguments.operation(fields.except(:secret, :secrets))
      %i[secret secrets].each { |name| request[name.name] = Arguments.secrets(fields[name]) if fields.key?(name) }
      request.update("provider" => provider, "body_base64" => [body].pack("m0"))
      SignedRequest.from_reply(Library.call(0, "sign", request))
    end

    # What the library knows of each provider.
    # @return [Array<Record>] "name", "title", "needs_secret", "needs_url", "options", "docs", "notes" and more
    def providers
      Library.call(0, "providers", {})["providers"].map { |item| Record.from_reply(item) }
    end
  end
end

require_relative "knocker_sqlite/version"
require_relative "knocker_sqlite/error"
require_relative "knocker_sqlite/error_codes"
require_relative "knocker_sqlite/arguments"
require_relative "knocker_sqlite/library"
require_relative "knocker_sqlite/record"
require_relative "knocker_sqlite/records"
require_relative "knocker_sqlite/outcomes"
require_relative "knocker_sqlite/values"
require_relative "knocker_sqlite/transaction"
require_relative "knocker_sqlite/handlers"
require_relative "knocker_sqlite/worker"
require_relative "knocker_sqlite/connection"
require_relative "knocker_sqlite/operating"
require_relative "knocker_sqlite/retention"
require_relative "knocker_sqlite/endpoint"
require_relative "knocker_sqlite/inbox"
require_relative "knocker_sqlite/host"
require_relative "knocker_sqlite/transport"
require_relative "knocker_sqlite/extension"
require_relative "knocker_sqlite/attached_worker"
require_relative "knocker_sqlite/attached_inbox"
