# frozen_string_literal: true

module KnockerSqlite
  # The part of an inbox that knows the library.
  # @api private
  class Connection
    # How long a caller that may be interrupted waits at a time.
    SLICE_S = 0.1

    # @api private
    def initialize(path, options)
      request = { "path" => Arguments.path(path), "handler_scope" => "ruby", "options" => Arguments.operation(options) }
      @info = Library.open(request.compact)
      # The number alone, so that the finalizer does not hold what it waits for.
      @handle = [@info["db"]]
      @transport = LibraryTransport.new(@handle)
      @registry = Registry.of(@info["path"])
      @workers = []
      @stop_next = false
      ObjectSpace.define_finalizer(self, Connection.release(@handle))
    end

    # What gives an inbox up that was dropped without being closed.
    # @api private
    def self.release(handle)
      proc { Library.release(handle[0]) unless handle[0].zero? }
    end

    # @return [String] the database file
    def path
      @info["path"]
    end

    # @return [String] the library's version
    def version
      @info["version"]
    end

    # @return [String] the version of the SQLite that works on the file
    def sqlite_version
      @info["sqlite_version"]
    end

    # @return [String] whose SQLite works on the file: "embedded" or "host"
    def engine
      @info["engine"]
    end

    # @return [Integer] the version of the inbox's tables in the file
    def schema_version
      @info["schema_version"]
    end

    # Whether {#close} was called.
    def closed?
      @handle[0].zero?
    end

    # Close the inbox; closing again does nothing. Its workers end: what their handlers were doing is rolled back and runs
    # again. To let them finish, stop them first.
    # @return [nil]
    def close
      handle = @handle[0]
      @handle[0] = 0
      return if handle.zero?

      @workers.dup.each(&:request_stop)
      Library.close(handle)
      nil
    end

    # @return [String]
    def inspect
      "#<#{self.class.name} #{path.inspect}#{" closed" if closed?}>"
    end

    private

    # Call a method that only reads.
    def read(method, fields = {})
      @transport.call(method, Arguments.operation(fields))
    end

    # Call a method that waits for the writer: the library has to know who stands still meanwhile.
    def write(method, fields = {})
      @transport.call(method, Arguments.operation(fields).merge("home" => Home.current), writes: true)
    end

    # Call a method that may take long, on another thread, so that Ctrl-C ends the waiting at once (not the work).
    def read_patiently(method, fields)
      thread = Thread.new { read(method, fields) }
      thread.report_on_exception = false
      nil until thread.join(SLICE_S)
      thread.value
    end

    # One page of a list.
    def page(method, name, kind, fields)
      reply = read(method, fields)
      Page.new(reply[name].map { |item| kind.from_reply(item) }, reply["cursor"])
    end

    # All of a list, page by page as far as it is read.
    def each_of(fields)
      Enumerator.new do |items|
        cursor = fields[:cursor]
        loop do
          page = yield fields.merge(cursor: cursor)
          page.each { |item| items << item }
          cursor = page.cursor
          break if cursor.nil?
        end
      end.lazy
    end

    # A bulk action: one bounded transaction a call, until nothing is left.
    def bulk(method, fields)
      total = {}
      cursor = fields[:cursor]
      loop do
        reply = write(method, fields.merge(cursor: cursor))
        cursor = reply.delete("cursor")
        # Counts add up; what is true of a whole has to be true of each part.
        total.merge!(reply) { |_, sum, more| sum.is_a?(Integer) ? sum + more : sum && more }
        yield total["matched"], total["changed"] if block_given?
        break if cursor.nil?
      end
      BulkResult.from_reply(total)
    end
  end
end
