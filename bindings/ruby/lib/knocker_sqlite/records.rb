# frozen_string_literal: true

module KnockerSqlite
  # The HTTP answer for the sender: "status_code" (Integer), "headers" (Hash of String), "body" (String or nil).
  class Response < Record
    entries :status_code, :headers, :body

    # The answer as Rack takes it: +return *result.response.to_rack+ is a Sinatra route's, and a Rack application's, end.
    # @return [Array(Integer, Hash{String => String}, Array<String>)]
    def to_rack
      [status_code, headers.dup, body.nil? ? [] : [body]]
    end
  end

  # What became of one HTTP request, told once it is on disk.
  #
  # * "delivery_id" (Integer or nil): the stored receipt; nil where a flood of refused requests is only counted
  # * "event_id" (Integer or nil): its event; nil when it was refused or is a handshake
  # * "event_ids" (Array of Integer): all events of a batch
  # * "duplicate" (Boolean): the event was known already
  # * "status_code" (Integer): what the route should answer
  # * "response" ({Response}): the whole answer, with headers and body
  # * "reason" (String or nil): why it was refused, such as "signature_mismatch"
  # * "handshake_secret" (String or nil): a secret that the sender has just told and the application must keep
  class Result < Record
    entries :delivery_id, :event_id, :event_ids, :status_code, :response, :reason, :handshake_secret
    flags :duplicate

    # @api private
    def self.from_reply(reply)
      reply["response"] = Response.from_reply(reply["response"])
      super
    end
  end

  # A request as a provider would send it: "method", "url" (String or nil), "headers" (Hash of String), "query" (String or
  # nil), "body" (binary String).
  class SignedRequest < Record
    entries :method, :url, :headers, :query, :body

    # @api private
    def self.from_reply(reply)
      reply["body"] = reply.delete("body_base64").unpack1("m")
      super
    end

    # The headers by Rack's names: +post "/webhooks/orders", signed.body, signed.to_env+ is what Rack::Test takes.
    # @return [Hash{String => String}]
    def to_env
      headers.to_h do |name, value|
        rack = name.upcase.tr("-", "_")
        [Arguments::RACK_NAMES.include?(rack) ? rack : "HTTP_#{rack}", value]
      end
    end
  end

  # The unit that an application processes: "id", "endpoint", "event_type", "provider_event_id", "provider_delivery_id",
  # "dedupe_key", "delivery_id", "status" (received, processing, handled, failed, dead or ignored), "attempt_count" (counts
  # the running attempt), "method", "headers", "query", "received_at", "handled_at" and "expunged_at" (Unix seconds), "last_error", and
  # the raw body as a binary String, as "body" and as "body_blob". Lists leave the body out unless asked for it.
  class Event < Record
    include WithBody

    entries :id, :endpoint, :event_type, :provider_event_id, :provider_delivery_id, :dedupe_key, :delivery_id, :status, :attempt_count,
            :method, :headers, :query, :received_at, :handled_at, :last_error, :expunged_at, :body, :body_blob

    # @api private
    def self.from_reply(reply)
      Bodies.decode(super)
    end
  end

  # One HTTP receipt, valid or not. "kind" is event, or for one without an event rejected, handshake, empty_batch or
  # too_large; "signature_valid" is nil where nothing was verified; "body_bytes" is the size as received: a stored body may
  # be cut; "accepted_at", "accepted_by" and "accepted_reason" tell of a refused delivery that was taken in later. The rest as for
  # {Event}.
  class Delivery < Record
    include WithBody

    entries :id, :endpoint, :event_id, :kind, :reason, :received_at, :provider_event_id, :provider_delivery_id, :event_type, :method,
            :headers, :query, :signature_error, :dedupe_key, :body_bytes, :body_digest, :accepted_at, :accepted_by, :accepted_reason,
            :expunged_at, :body, :body_blob
    flags :signature_valid

    # @api private
    def self.from_reply(reply)
      Bodies.decode(super)
    end
  end

  # Bodies as bytes.
  # @api private
  module Bodies
    def self.decode(record)
      record["body"] = record["body_blob"] = record["body"].unpack1("m") if record["body"]
      record
    end
  end

  # One run of a handler: "id", "event_id", "attempted_at", "outcome" (handled, failed, dead or ignored), "error" (String or
  # nil), "duration_ms".
  class Attempt < Record
    entries :id, :event_id, :attempted_at, :outcome, :error, :duration_ms
  end

  # Counts: of the file, and ("process") of what this process did since it opened the file. "events" is by status,
  # "orphans" by kind; the jobs are those that are due, wait for their time, are held by a worker, are dead, or belong to
  # a paused endpoint.
  class Stats < Record
    entries :deliveries, :events, :orphans, :duplicates, :jobs_ready, :jobs_later, :jobs_held, :jobs_dead, :jobs_paused, :stuck,
            :unhandled_left, :process
  end

  # What became of one run of a handler, as the file says it now: "event_id", "status" (handled, failed, dead, ignored,
  # given_back or lost), "error" (nil, or a Hash with "code" and "message": why an outcome could not be committed).
  class Finished < Record
    entries :event_id, :status, :error
  end

  # How a worker ended: "rolled_back" (ids of the events whose handlers were cut off and run again), "given_back" (how many
  # claimed jobs never started).
  class StopReport < Record
    entries :rolled_back, :given_back
  end

  # How many rows an operation really removed.
  class PruneResult < Record
    entries :events_pruned, :attempts_pruned, :deliveries_pruned, :live_jobs_pruned
  end

  # What a pass of retention removed, and ("more") whether another pass would find something.
  class RetentionPass < Record
    entries :events_pruned, :deliveries_pruned, :attempts_pruned, :live_jobs_pruned, :dead_jobs_pruned, :audits_pruned, :pages_released
    flags :more
  end

  # What a bulk action did, over all its calls: "matched", "changed", "skipped" (whose state forbids it); of expunge also
  # "erased_from_file" (Boolean): neither the file nor its WAL holds the bytes any more.
  class BulkResult < Record
    entries :matched, :changed, :skipped
    flags :erased_from_file
  end

  # Something that happened in this process: "kind", "at_ms", "endpoint", "event_id", "count", "duration_ms", "code".
  class HookEvent < Record
    entries :kind, :at_ms, :endpoint, :event_id, :count, :duration_ms, :code
  end

  # One page of a list. {#cursor} asks for the next page; nil: this was the last.
  class Page < Array
    # @return [String, nil]
    attr_reader :cursor

    def initialize(items = [], cursor = nil)
      super(items)
      @cursor = cursor
    end
  end

  # What {Inbox#poll_hooks} took, oldest first.
  class HookEvents < Array
    # @return [Integer] how many gave way to newer ones since watch_hooks, because nobody polled
    attr_reader :dropped

    def initialize(items = [], dropped = 0)
      super(items)
      @dropped = dropped
    end
  end
end
