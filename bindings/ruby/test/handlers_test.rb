# frozen_string_literal: true

# Handlers, their transaction, and how they end.
class HandlersTest < KnockerTest
  def setup
    @shop = add_shop
  end

  def test_a_handlers_rows_commit_with_handled
    @shop.handle do |event, tx|
      tx.execute("CREATE TABLE orders (id TEXT, body BLOB)")
      done = tx.execute("INSERT INTO orders VALUES (?, ?)", [event.json["id"], event["body_blob"]])
      assert_equal [1, 1], [done["changes"], done.last_insert_rowid]
    end
    @shop.receive(body: body(1), headers: HEADERS)
    assert_equal ["handled"], drain(inbox).map(&:status)
    assert_equal "1|#{body(1)}", shell(inbox.path, "SELECT * FROM orders")
  end

  def test_a_handler_that_raises_leaves_nothing_and_runs_again
    runs = 0
    @shop.handle do |event, tx|
      tx.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT)")
      tx.execute("INSERT INTO orders VALUES (?)", [event.json["id"]])
      raise "no stock" if (runs += 1) == 1
    end
    @shop.receive(body: body(1), headers: HEADERS)
    assert_equal ["failed"], drain(inbox).map(&:status)
    assert_includes inbox.get_event(1).last_error, "RuntimeError: no stock"
    clock(inbox).advance(10)
    assert_equal ["handled"], drain(inbox).map(&:status)
    assert_equal "1", shell(inbox.path, "SELECT count(*) FROM orders")
    assert_equal %w[failed handled], inbox.list_attempts(1).map(&:outcome)
  end

  def test_a_handler_chooses_its_outcome
    endings = { "later" => KnockerSqlite::RetryAfter.new(90), "never" => KnockerSqlite::Discard.new("no such order"),
                "nobody" => KnockerSqlite::Ignore.new("a test"), "wrong" => KnockerSqlite::RetryAfter.new(-1) }
    @shop.handle { |event, _| raise endings.fetch(event.event_type) }
    endings.each_key { |type| @shop.receive(body: body(type, type), headers: HEADERS) }
    assert_equal({ 1 => "failed", 2 => "dead", 3 => "ignored", 4 => "failed" }, drain(inbox).to_h { |run| [run.event_id, run.status] })
    assert_includes inbox.get_event(2).last_error, "no such order"
    assert_includes inbox.get_event(4).last_error, "seconds"
    clock(inbox).advance(89)
    refute_includes drain(inbox).map(&:event_id), 1
    clock(inbox).advance(2)
    assert_includes drain(inbox).map(&:event_id), 1
  end

  def test_errors_that_are_no_standard_error_are_failures_too
    errors = [NotImplementedError.new("to do"), SystemStackError.new("deep"), LoadError.new("no file")]
    @shop.handle { |event, _| raise errors[event.id - 1] }
    errors.each_index { |number| @shop.receive(body: body(number), headers: HEADERS) }
    assert_equal ["failed"] * 3, drain(inbox).map(&:status)
  end

  def test_an_exit_in_a_handler_ends_the_worker_not_the_event
    @shop.handle { |_, _| exit 3 }
    @shop.receive(body: body(1), headers: HEADERS)
    assert_raises(SystemExit) { inbox.run_worker_once }
    assert_raises(SystemExit) { inbox.run_worker }
    assert_equal ["received", 0], inbox.get_event(1).values_at("status", "attempt_count")
  end

  def test_a_handler_that_returns_or_breaks_from_a_block_is_no_crash
    @shop.handle { |_, _| next 5 }
    @shop.receive(body: body(1), headers: HEADERS)
    assert_equal ["handled"], drain(inbox).map(&:status)
    register_returning_handler
    @shop.receive(body: body(2), headers: HEADERS)
    assert_equal ["failed"], drain(inbox).map(&:status)
    assert_includes inbox.get_event(2).last_error, "LocalJumpError"
  end

  def test_values_keep_their_types
    values = [nil, 1, -(2**63), (2**63) - 1, 1.5, -0.0, Float::INFINITY, "é", "\xff", "\x00\xff".b, "".b, "", "1e400"]
    seen = nil
    @shop.handle { |_, tx| seen = values.map { |value| tx.query("SELECT ? AS value", [value]).first["value"] } }
    run_one
    assert_equal values, seen
    assert_equal Encoding::BINARY, seen[9].encoding
    refute_predicate seen[8], :valid_encoding?
  end

  def test_parameters_by_name_by_place_and_wrong_ones
    seen = []
    @shop.handle do |_, tx|
      seen << tx.query("SELECT :a AS a, :b AS b", { a: 1, "b" => :two }).first.to_h
      seen << tx.query("SELECT ? AS yes", [true]).first.yes
      [[Time.now], [Object.new], 7, "text"].each { |params| seen << code_of { tx.query("SELECT ?", params) } }
      seen << code_of { tx.query("SELECT no_such_column") } << code_of { tx.execute("COMMIT") } << code_of { tx.query("SELECT ?", [1, 2]) }
    end
    run_one
    assert_equal [{ "a" => 1, "b" => "two" }, 1] + (["invalid_argument"] * 4) + %w[sql_error forbidden_in_handler sql_error], seen
  end

  def test_rows_answer_in_every_way
    row = nil
    @shop.handle { |_, tx| row = tx.query("SELECT 7 AS id, 'x' AS name, 9 AS count, 8 AS id").first }
    run_one
    id, name = row
    assert_equal [7, "x", 7, "x", 9, 9], [id, name, row["id"], row[:name], row.count, row[2]]
    assert_equal({ "id" => 7, "name" => "x", "count" => 9 }, row.to_h)
    assert_raises(KeyError) { row.fetch("nothing") }
    assert_nil row["nothing"]
    assert_raises(NoMethodError) { row.nothing }
  end

  def test_registering_again_replaces_as_a_reload_does
    seen = []
    3.times { |version| @shop.handle("order.created") { |_, _| seen << version } }
    run_one
    assert_equal [2], seen
    number = @shop.handle("order.created") { |_, _| seen << :last }
    assert inbox.unregister_handler(number)
    refute inbox.unregister_handler(number)
  end

  def test_anything_with_call_is_a_handler
    seen = []
    inbox.register_handler("shop", ->(event, _) { seen << event.id }, event_type: "order.*")
    run_one
    assert_equal [1], seen
    assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.register_handler("shop") }
  end

  def test_two_inboxes_of_one_file_share_their_handlers
    seen = []
    @shop.handle { |event, _| seen << event.id }
    @shop.receive(body: body(1), headers: HEADERS)
    KnockerSqlite.open(inbox.path, clock: { now_s: clock(inbox).now_s }, **PATIENT) do |other|
      assert_equal ["handled"], other.run_worker_once.map(&:status)
    end
    assert_equal [1], seen
  end

  def test_a_thread_never_waits_for_itself
    code = nil
    @shop.handle do |_, tx|
      tx.begin
      code = code_of { @shop.receive(body: body(2), headers: HEADERS) }
    end
    run_one
    assert_equal "would_deadlock", code
  end

  def test_a_tx_is_over_with_its_handler
    kept = nil
    @shop.handle { |_, tx| (kept = tx).execute("CREATE TABLE t (a)") }
    run_one
    code = code_of { kept.execute("INSERT INTO t VALUES (1)") }
    assert_includes %w[closed transaction_ended], code
  end

  private

  def run_one
    @shop.receive(body: body(1), headers: HEADERS)
    assert_equal ["handled"], drain(inbox).map(&:status), inbox.get_event(1).last_error.to_s
  end

  def register_returning_handler
    @shop.handle { |_, _| return 5 }
  end

  def code_of
    yield
    "no error"
  rescue KnockerSqlite::Error => error
    error.code
  end
end
