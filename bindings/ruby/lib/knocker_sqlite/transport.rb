# frozen_string_literal: true

module KnockerSqlite
  # The calls of an opened inbox: they go to the library, by the number that it knows the inbox by.
  # @api private
  class LibraryTransport
    # @param handle [Array(Integer)] the number, 0 once the inbox is closed
    def initialize(handle)
      @handle = handle
    end

    # Call a method by its name. writes: it waits for the writer.
    def call(method, request, writes: false) # rubocop:disable Lint/UnusedMethodArgument -- the library knows
      Library.call(@handle[0], method, request)
    end

    # Take in one HTTP request.
    def receive(request, body)
      Library.receive(@handle[0], request, body)
    end
  end

  # The calls of an attached inbox: the same methods, requests and replies, each a SELECT on the application's connection.
  # @api private
  class HostTransport
    CALL = "SELECT knocker_call(?, ?)"
    CALL_WITH_BODY = "SELECT knocker_call(?, ?, ?)"

    # @return [Host]
    attr_reader :host

    def initialize(host)
      @host = host
      @closed = false
    end

    # Call a method by its name. writes: it waits for the writer.
    def call(method, request, writes: false)
      usable
      @host.with(writes: writes) { |link| on(link, method, request) }
    end

    # Take in one HTTP request.
    def receive(request, body)
      usable
      @host.with(writes: true) { |link| on(link, "receive", request, body.b) }
    end

    # Call a method on a connection that the caller has.
    def on(link, method, request, body = nil)
      Extension.load_into(link.database)
      params = [method, Library.encode(request), body].compact
      text = Extension.value(link.database, body ? CALL_WITH_BODY : CALL, params)
      # It is converted where Encoding.default_internal says so.
      Library.decode(text.encode(Encoding::UTF_8))
    end

    # Refuse further calls; the connection stays open.
    def close
      @closed = true
    end

    def closed?
      @closed
    end

    private

    def usable
      raise ClosedError if @closed
    end
  end
end
