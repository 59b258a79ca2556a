# frozen_string_literal: true

module KnockerSqlite
  # The part of an inbox for operators. Each call is one transaction; bulk actions are bounded ones.
  #
  # Filters of events: endpoint:, status:, event_type: (exact, or "invoice.*"), dedupe_key:, provider_event_id:,
  # provider_delivery_id:, event_id:, error_code:, stuck:, and since: (inclusive) and until: (exclusive), a Time or Unix
  # seconds. Filters of deliveries: endpoint:, event_id:, delivery_id:, event_type:, dedupe_key:, provider_event_id:,
  # provider_delivery_id:, orphaned:, kind:, reason:, signature_valid: (false also matches "unknown"), since:, until:.
  # endpoint, status, reason and the ids may be Arrays. A misspelt name is +invalid_argument+ with a suggestion.
  module Operating
    # Read an event with its body.
    # @param id [Integer]
    # @return [Event]
    # @raise [NotFoundError]
    def get_event(id)
      Event.from_reply(read("get_event", id: id))
    end

    # Read a delivery with its body.
    # @param id [Integer]
    # @return [Delivery]
    # @raise [NotFoundError]
    def get_delivery(id)
      Delivery.from_reply(read("get_delivery", id: id))
    end

    # One page of events, newest first.
    # @param filter filters of events, and limit: (1 to 1,000, defaults to 100), cursor: (of the page before), bodies: (with
    #   the bodies; defaults to false)
    # @return [Page<Event>]
    def list_events(**filter)
      page("list_events", "events", Event, filter)
    end

    # All events, newest first, read page by page as they are asked for: +inbox.events(status: "dead").first(10)+.
    # Arguments as for {#list_events}.
    # @return [Enumerator::Lazy<Event>]
    def events(**filter)
      each_of(filter) { |fields| list_events(**fields) }
    end

    # One page of deliveries, newest first. Arguments as for {#list_events}, with the filters of deliveries.
    # @return [Page<Delivery>]
    def list_deliveries(**filter)
      page("list_deliveries", "deliveries", Delivery, filter)
    end

    # All deliveries, read as they are asked for.
    # @return [Enumerator::Lazy<Delivery>]
    def deliveries(**filter)
      each_of(filter) { |fields| list_deliveries(**fields) }
    end

    # The runs of an event's handlers, oldest first.
    # @param event_id [Integer]
    # @return [Array<Attempt>]
    def list_attempts(event_id)
      read("list_attempts", event_id: event_id)["attempts"].map { |item| Attempt.from_reply(item) }
    end

    # What workers of all processes hold now, by job id.
    # @param fields endpoint:, limit:, cursor:
    # @return [Page<Record>] "job_id", "event_id", "endpoint", "event_type", "worker_id", "attempt", "since", "lease_left_s"
    def list_running(**fields)
      page("list_running", "running", Record, fields)
    end

    # All of {#list_running}, read as it is asked for.
    # @return [Enumerator::Lazy<Record>]
    def running(**fields)
      each_of(fields) { |page| list_running(**page) }
    end

    # Count.
    # @param fields endpoint: (String or Array): only theirs. Defaults to the whole file.
    # @return [Stats]
    def stats(**fields)
      Stats.from_reply(read("stats", fields))
    end

    # Count by endpoint.
    # @param fields limit:, cursor:
    # @return [Page<Record>] "name", "provider", "enabled", "paused", "events", "orphans", "last_received_at"
    def stats_by_endpoint(**fields)
      page("stats_by_endpoint", "endpoints", Record, fields)
    end

    # Let no handler run for an event.
    # @param event_id [Integer]
    # @return [Integer] the event's id
    # @raise [Error] not_found, invalid_state
    def ignore(event_id)
      write("ignore", event_id: event_id)["event_id"]
    end

    # Run an event again that is over. As {#ignore}.
    def replay(event_id)
      write("replay", event_id: event_id)["event_id"]
    end

    # Run an event that was not handled. As {#ignore}.
    def requeue(event_id)
      write("requeue", event_id: event_id)["event_id"]
    end

    # Run a delivery's event again, with this delivery's body, headers and query.
    # @param delivery_id [Integer]
    # @param event_id [Integer, nil] which event of a batch. Defaults to the delivery's first.
    # @return [Integer] the event's id
    # @raise [Error] not_found, invalid_state, not_linked
    def replay_delivery(delivery_id, event_id: nil)
      write("replay_delivery", delivery_id: delivery_id, event_id: event_id)["event_id"]
    end

    # Take a refused delivery in by decision; it is audited.
    # @param delivery_id [Integer]
    # @param reason [String] why
    # @param fields event_type:, dedupe_key:, provider_event_id:. Default to what the request says of itself.
    # @return [Record] "event_id", "event_ids", "duplicate"
    # @raise [Error] not_found, invalid_state, body_cut
    def accept_delivery(delivery_id, reason:, **fields)
      Record.from_reply(write("accept_delivery", fields.merge(delivery_id: delivery_id, reason: reason)))
    end

    # Check a stored delivery again, step by step, and change nothing.
    # @param delivery_id [Integer]
    # @param secrets [String, Array] Defaults to the endpoint's.
    # @param fields provider:, provider_options:, url:, now_s:
    # @return [Record] "valid", "reason", "clock", "body_cut", "redacted", "steps" (Array of Hash: "name", "ok", "detail")
    def explain_delivery(delivery_id, secrets: Arguments::UNSET, **fields)
      fields[:secrets] = Arguments.secrets(secrets) unless secrets.equal?(Arguments::UNSET)
      Record.from_reply(read("explain_delivery", fields.merge(delivery_id: delivery_id)))
    end

    # @!macro [new] bulk
    #   An empty filter is +invalid_argument+ unless it says +all: true+. The block gets the sums after each transaction.
    #   @param filter [Hash]
    #   @param fields limit: (how many at most, oldest first; defaults to all), dry_run: (only count; defaults to false)
    #   @yieldparam matched [Integer]
    #   @yieldparam changed [Integer]
    #   @return [BulkResult]

    # Ignore all events that a filter of events finds.
    # @macro bulk
    def ignore_events(filter: {}, **fields, &progress)
      bulk("ignore_events", fields.merge(filter: filter), &progress)
    end

    # Replay all events that a filter of events finds.
    # @macro bulk
    def replay_events(filter: {}, **fields, &progress)
      bulk("replay_events", fields.merge(filter: filter), &progress)
    end

    # Requeue all events that a filter of events finds.
    # @macro bulk
    def requeue_events(filter: {}, **fields, &progress)
      bulk("requeue_events", fields.merge(filter: filter), &progress)
    end

    # Replay all deliveries that a filter of deliveries finds.
    # @macro bulk
    def replay_deliveries(filter: {}, **fields, &progress)
      bulk("replay_deliveries", fields.merge(filter: filter), &progress)
    end

    # Check refused deliveries again with the endpoint's present secrets, the clock at their receipt; what passes becomes events.
    # @macro bulk
    def reverify(filter: {}, **fields, &progress)
      bulk("reverify", fields.merge(filter: filter), &progress)
    end

    # Blank the bodies of events, and keep that they were received; it is audited. fields may have reason: too.
    # @macro bulk
    def expunge(filter: {}, **fields, &progress)
      bulk("expunge", fields.merge(filter: filter), &progress)
    end

    # Read the whole file and tell what is wrong with it, at most 100 of each kind.
    # @param fields quick: don't compare indexes with their tables, which takes most of the time; defaults to false
    # @return [Record] "integrity" (Array of String, empty when all is well), "foreign_keys" (Array of Hash: "table", "rowid", "parent"),
    #   "schema_version", "stuck" (received events whose job is gone), "orphan_jobs"
    def check(**fields)
      Record.from_reply(read_patiently("check", fields))
    end

    # Copy the database as it is at one moment, while receiving goes on. The copy is on disk when this returns; the path never
    # holds half of one, and an earlier file there is replaced. An Interrupt ends the waiting, not the copying.
    # @param path [String, Pathname]
    # @return [nil]
    # @raise [Error] invalid_argument for the inbox's own file, cannot_open, storage_full, storage_error
    def backup(path)
      read_patiently("backup", path: Arguments.path(path))
      nil
    end

    # Start to collect what happens in this process, for metrics and tracing; {#poll_hooks} takes it. Asked again, it starts anew.
    # @param fields limit: how many are kept between two polls, 1 to 100,000; the oldest give way. Defaults to 1,024.
    # @return [nil]
    def watch_hooks(**fields)
      read("watch_hooks", fields)
      nil
    end

    # Take what has happened, oldest first; never waits. Each is taken once: let one place of a program poll.
    # @param fields max: how many at most. Defaults to 1,024.
    # @return [HookEvents]
    # @raise [InvalidStateError] before watch_hooks
    def poll_hooks(**fields)
      reply = read("poll_hooks", fields)
      HookEvents.new(reply["events"].map { |item| HookEvent.from_reply(item) }, reply["dropped"])
    end

    # Set the clock of an inbox that was opened with one, for tests.
    # @param now_s [Integer] Unix seconds
    # @return [Record] "now_s"
    # @raise [InvalidStateError] where the inbox goes by the real time
    def set_clock(now_s) # rubocop:disable Naming/AccessorMethodName -- the operation's name in every language
      Record.from_reply(read("set_clock", now_s: now_s))
    end
  end
end
