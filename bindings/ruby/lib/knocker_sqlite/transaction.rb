# frozen_string_literal: true

module KnockerSqlite
  # The transaction that a handler writes in.
  #
  # It opens at the first {#execute} or {#query} and is committed together with "handled" when the handler returns; when
  # the handler raises, all of it is rolled back. It may stay open for max_transaction_s (defaults to 3 seconds), so do
  # slow work before its first use. One statement a call. SAVEPOINT is allowed; BEGIN, COMMIT, ROLLBACK, ATTACH, TEMP
  # objects, PRAGMAs that set something and writes to knocker_* are +forbidden_in_handler+.
  class Tx
    # @api private
    def initialize(step)
      @step = step
    end

    # Open the transaction now, so that what is read next can't change any more.
    # @return [nil]
    def begin
      run("op" => "begin")
      nil
    end

    # Run a statement.
    #
    # @param sql [String] one statement
    # @param params [Array, Hash] values for +?+, or by name for +:name+: nil, Integer (64 bits), Float (NaN becomes NULL),
    #   String (a binary one, such as +event["body"]+ or +text.b+, is a BLOB), true or false. Defaults to none.
    # @return [Executed] "changes" and "last_insert_rowid"
    # @raise [Error] sql_error, forbidden_in_handler, transaction_timeout, busy, would_deadlock, invalid_argument
    def execute(sql, params = nil)
      reply = statement("execute", sql, params)
      reply["last_insert_rowid"] = Values.decode_cell(reply["last_insert_rowid"])
      Executed.from_reply(reply)
    end

    # Run a query and answer all its rows. Parameters and errors as for {#execute}.
    # @return [Array<Row>]
    def query(sql, params = nil)
      Values.decode_rows(statement("query", sql, params))
    end

    # How it stands.
    # @return [Record] "open" (Boolean), "ended" (a code, or nil), "remaining_ms" (Integer)
    def state
      Record.from_reply(run("op" => "state"))
    end

    private

    def statement(kind, sql, params)
      cells, blobs = Values.encode(params)
      sql = Arguments.text(sql) if sql.is_a?(String)
      run({ "op" => kind, "sql" => sql, "params" => cells, "home" => Home.current }, blobs)
    end

    def run(request, blobs = [])
      request["home"] = Home.current if request["op"] == "begin"
      Library.tx(@step, request, blobs)
    end
  end

  # Which thread must not be made to wait for itself: see would_deadlock. All fibers of a thread share its number.
  # @api private
  module Home
    def self.current
      Thread.current.object_id
    end
  end
end
