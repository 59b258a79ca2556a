# frozen_string_literal: true

module KnockerSqlite
  # A named place that receives webhooks of one provider: "id", "name", "path" (a label for people), "provider", "enabled",
  # "paused", "created_at" (Unix seconds), as they were when it was asked for.
  class Endpoint < Record
    entries :id, :name, :path, :provider, :created_at
    flags :enabled, :paused

    # @api private
    def self.of(inbox, reply)
      endpoint = from_reply(reply)
      endpoint.instance_variable_set(:@inbox, inbox)
      endpoint
    end

    # Take in one HTTP request. See {Inbox#receive}.
    # @return [Result]
    def receive(body:, **request)
      @inbox.receive(endpoint: name, body: body, **request)
    end

    # Take in one request from a trusted layer. See {Inbox#ingest}.
    # @return [Result]
    def ingest(body:, **request)
      @inbox.ingest(endpoint: name, body: body, **request)
    end

    # Register a handler. See {Inbox#register_handler}.
    # @return [Integer]
    def handle(event_type = nil, **options, &handler)
      @inbox.register_handler(name, event_type: event_type, **options, &handler)
    end
  end
end
