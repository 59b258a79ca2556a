# frozen_string_literal: true

module KnockerSqlite # rubocop:disable Style/Documentation -- lib/knocker_sqlite.rb has it
  # The library as an extension of the application's own SQLite.
  # @api private
  module Extension
    # How a SQL function words what went wrong, its code first; what SQLite puts before it when loading fails.
    CODED = /\A(?:error during initialization: )?([a-z_]+): (.*)\z/m
    # Where a database of the sqlite3 gem notes how far it is set up: 1 has the functions, 2 also had its tables made.
    LEVEL = :@knocker_level
    # Where the sqlite3 gem keeps blocks that SQLite calls while it works.
    CALLBACKS = %i[@busy_handler @authorizer @tracefunc @progress_handler @functions @collations].freeze

    class << self
      # Load the library into a database of the sqlite3 gem, once.
      def load_into(database, bootstrap: false)
        level = bootstrap ? 2 : 1
        return if (database.instance_variable_get(LEVEL) || 0) >= level

        refuse_without_extensions(database)
        Library.check_platform
        load_library(database, bootstrap)
        database.instance_variable_set(LEVEL, level)
      end

      # Run a statement that has one row of one column, and answer that.
      def value(database, sql, params)
        undisturbed(database) do
          statement = database.prepare(sql)
          begin
            statement.bind_params(params)
            statement.step&.first
          ensure
            statement.close
          end
        end
      rescue StandardError => error
        raise coded(error) || error
      end

      # The error that an exception of the sqlite3 gem stands for, where the library has raised it; else nil.
      def coded(error)
        code, message = error.message.match(CODED)&.captures
        Error.from_reply(Error.describe(code, message)) if Error.by_code.key?(code)
      rescue StandardError
        nil
      end

      private

      def refuse_without_extensions(database)
        return if database.respond_to?(:enable_load_extension) && database.respond_to?(:load_extension)

        raise DriverUnavailableError, "The SQLite of #{database.class} was built without extensions: use the sqlite3 gem's, or " \
                                      "KnockerSqlite.open(path)."
      end

      def load_library(database, bootstrap)
        database.enable_load_extension(true)
        if bootstrap
          undisturbed(database) { database.load_extension(Library.path) }
        else
          value(database, "SELECT load_extension(?, 'knocker_manual_init')", [Library.path])
        end
      rescue Error
        raise
      rescue StandardError => error
        raise coded(error) || UnsupportedPlatformError.new("#{Library.path} can't be loaded into this SQLite: #{error.message}")
      ensure
        database.enable_load_extension(false)
      end

      # Let nothing raise into Ruby code that SQLite calls while the library works, such as a busy_handler: leaving it that
      # way would jump over the library's own frames. Thread#raise and Timeout can be put off. A signal's exception comes to
      # the main thread whatever it does, and a fiber that sleeps lets others use the connection: there, where there is such
      # code, another thread does the work.
      def undisturbed(database, &work)
        return on_another_thread(&work) if called_back?(database) && (!Fiber.blocking? || Thread.current == Thread.main)

        Thread.handle_interrupt(Object => :never, &work)
      end

      def called_back?(database)
        CALLBACKS.any? do |name|
          callback = database.instance_variable_get(name)
          callback.respond_to?(:empty?) ? !callback.empty? : callback
        end
      end

      def on_another_thread(&work)
        outcome = nil
        thread = Thread.new { Thread.handle_interrupt(Object => :never) { outcome = outcome_of(work) } }
        wait_out(thread)
        value, error = outcome
        raise error if error

        value
      end

      def outcome_of(work)
        [work.call, nil]
      rescue Exception => error # rubocop:disable Lint/RescueException -- the waiting thread raises it
        [nil, error]
      end

      # Wait to the end, whatever comes: the connection is in use until then. Timeout is put off, as it may come as a throw.
      def wait_out(thread)
        interrupt = nil
        Thread.handle_interrupt(Object => :never) do
          thread.join
        rescue Exception => error # rubocop:disable Lint/RescueException -- a signal's; raised when the wait is over
          interrupt ||= error
          retry
        end
        raise interrupt if interrupt
      end
    end
  end

  class << self
    # The library's file, which any SQLite takes as an extension: +load_extension+, the +extensions:+ of the sqlite3 gem and of
    # database.yml (there also the module itself). Loads nothing.
    # @return [String]
    # @raise [UnsupportedPlatformError]
    def to_path
      Library.check_platform
      Library.path
    end
    alias loadable_path to_path

    # Give a connection of the application's SQLite the functions +knocker_*+ and +honker_*+ of docs/sql.md. Loading again does
    # nothing. Loading further extensions is switched off afterwards.
    #
    # @param db [SQLite3::Database, ActiveRecord::ConnectionAdapters::SQLite3Adapter, Class] a class of Active Record stands for the
    #   connection of the calling thread
    # @param bootstrap [Boolean] make the inbox's tables where the file has none. Defaults to true.
    # @return [nil]
    # @raise [Error] driver_unavailable, unsupported_platform, forked, invalid_argument
    def load(db, bootstrap: true)
      Host.of(db).with(writes: true) { |link| Extension.load_into(link.database, bootstrap: bootstrap) }
      nil
    end

    # Attach an inbox to a connection of the application's own SQLite: all its calls run there, in the transaction that is open, and
    # a handler's +tx+ is that connection. The library is loaded into it, and the inbox's tables are made where there are none.
    #
    #     inbox = KnockerSqlite.attach(ActiveRecord::Base)
    #     inbox.register_handler("orders") { |event, _| Order.create!(number: event.json["id"]) }
    #
    # Attaching again, to any connection of the file, is the same inbox; other options are open_options_conflict.
    #
    # @param db [SQLite3::Database, ActiveRecord::ConnectionAdapters::SQLite3Adapter, Class] of a class of Active Record each
    #   thread uses its own connection
    # @param options those of {open} that are not about opening: queue_name:, max_body_bytes:, max_orphans:, max_orphan_bytes:,
    #   max_orphan_body_bytes:, max_orphans_per_s:, redact_headers:, migrate:, max_attempts:, backoff_initial_s:, backoff_factor:,
    #   backoff_max_s:, backoff_jitter:, clock:
    # @return [AttachedInbox]
    # @raise [Error] driver_unavailable, unsupported_platform, forked, open_options_conflict, invalid_argument, …
    def attach(db, **options)
      AttachedInbox.new(db, options)
    end
  end
end
