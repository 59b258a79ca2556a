# frozen_string_literal: true

module KnockerSqlite
  # An inbox on the application's own connection: what {KnockerSqlite.attach} answers. It has the methods of {Inbox}. Every call runs on
  # the connection, in its transaction where one is open: then +result.durable+ is false, and the application's COMMIT stores it.
  #
  # A handler's +tx+ is the connection: a SQLite3::Database, or Active Record's adapter, on whose thread the models use it too. Its
  # transaction is open from before the handler until after "handled", so a handler must not end it, and does slow work elsewhere.
  #
  # What needs connections of its own is +invalid_state+: backup, run_retention, watch_hooks. Closing leaves the connection open.
  class AttachedInbox < Inbox
    # @api private
    def initialize(db, options) # rubocop:disable Lint/MissingSuper -- there is nothing to open
      @host = Host.of(db)
      @transport = HostTransport.new(@host)
      request = { "handler_scope" => "ruby", "options" => Arguments.operation(options) }
      @host.with(writes: true) do |link|
        @info = @transport.on(link, "attach", request).merge("engine" => "host")
        @registry = registry_of(link.database)
      end
      @workers = []
      @stop_next = false
    end

    # (see Connection#closed?)
    def closed?
      @transport.closed?
    end

    # Refuse further calls, and end the workers; the connection stays open.
    # @return [nil]
    def close
      @workers.dup.each(&:request_stop)
      @transport.close
      nil
    end

    private

    # Handlers of a database in memory live as long as its connection.
    def registry_of(database)
      return Registry.kept(path) if path

      database.instance_variable_get(:@knocker_registry) || database.instance_variable_set(:@knocker_registry, Registry.new)
    end

    def new_worker(options)
      raise ClosedError if closed?

      AttachedWorker.new(self, @transport, @registry, options)
    end

    # On the caller's thread, whose connection it is.
    def read_patiently(method, fields)
      read(method, fields)
    end
  end
end
