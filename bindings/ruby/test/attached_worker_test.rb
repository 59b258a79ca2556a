# frozen_string_literal: true

require_relative "support/attached"

# Workers on connections of the sqlite3 gem: the application's rows and "handled" are one commit.
class AttachedWorkerTest < AttachedCase
  TRIES = { backoff_initial_s: 1, backoff_jitter: false }.freeze

  def test_a_handlers_rows_and_handled_commit_or_roll_back_together
    inbox = attach
    shop = add_shop(inbox, **TRIES)
    given = nil
    shop.handle do |event, tx|
      given = tx
      tx.execute("INSERT INTO orders VALUES (?)", [event.id])
      raise "no stock" if event.json["id"] == "1"
    end
    2.times { |number| shop.receive(body: body(number + 1), headers: HEADERS) }
    assert_equal %w[failed handled], inbox.run_worker_once.map(&:status)
    assert_same @db, given
    assert_equal [[2]], @db.execute("SELECT event FROM orders")
    assert_equal ["RuntimeError: no stock", 1], [inbox.list_attempts(1)[0]["error"], inbox.get_event(1).attempt_count]
  end

  # RetryAfter, Discard and Ignore, one that is no outcome, an error of the driver's, and one that isn't a StandardError.
  def test_every_way_out_of_a_handler
    inbox = attach
    ways = { "retry" => -> { raise KnockerSqlite::RetryAfter, 60 }, "discard" => -> { raise KnockerSqlite::Discard, "no such order" },
             "ignore" => -> { raise KnockerSqlite::Ignore }, "never" => -> { raise KnockerSqlite::RetryAfter, -1 },
             "driver" => -> { @db.execute("SELECT * FROM nothing") }, "other" => -> { raise NotImplementedError } }
    shop = add_shop(inbox)
    shop.handle { |event, tx| tx.execute("INSERT INTO orders VALUES (1)") && ways.fetch(event.json["id"]).call }
    ways.each_key { |way| shop.receive(body: body(way), headers: HEADERS) }
    statuses = inbox.run_worker_once.to_h { |finished| [inbox.get_event(finished.event_id).json["id"], finished.status] }
    assert_equal %w[failed dead ignored failed failed failed], statuses.values_at(*ways.keys)
    assert_equal 0, count("orders")
    assert_includes inbox.get_event(6).last_error.to_s, "NotImplementedError"
  end

  def test_a_handler_that_ends_the_transaction_itself_has_failed
    inbox = attach
    shop = add_shop(inbox)
    ends = { "1" => ["COMMIT"], "2" => ["ROLLBACK"], "3" => ["COMMIT", "BEGIN IMMEDIATE"] }
    shop.handle { |event, tx| ends.fetch(event.json["id"]).each { |sql| tx.execute(sql) } }
    ends.each_key { |number| shop.receive(body: body(number), headers: HEADERS) }
    assert_equal %w[failed failed failed], inbox.run_worker_once.map(&:status)
    refute_predicate @db, :transaction_active?
    assert_includes inbox.list_attempts(1)[0]["error"], "transaction_ended"
  end

  # The commit itself fails, after "handled" was written into the transaction.
  def test_a_deferred_foreign_key_at_the_commit_is_the_handlers_failure
    @db.execute("PRAGMA foreign_keys = ON")
    @db.execute("CREATE TABLE lines (orders INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)")
    @db.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    inbox = attach
    shop = add_shop(inbox)
    shop.handle { |_, tx| tx.execute("INSERT INTO lines VALUES (7)") }
    shop.receive(body: body(1), headers: HEADERS)
    assert_equal ["failed"], inbox.run_worker_once.map(&:status)
    assert_includes inbox.list_attempts(1)[0]["error"], "FOREIGN KEY"
    assert_equal [0, false], [count("lines"), @db.transaction_active?]
  end

  def test_calls_inside_a_handler_join_its_transaction
    inbox = attach
    shop = add_shop(inbox)
    inner = nil
    shop.handle do |event, _|
      next unless event.json["id"] == "1"

      inner = shop.receive(body: body(2), headers: HEADERS)
      assert_equal "processing", inbox.get_event(event.id).status
      raise "both are gone"
    end
    shop.receive(body: body(1), headers: HEADERS)
    inbox.run_worker_once
    assert_equal [false, 1], [inner.durable, inbox.stats.deliveries]
  end

  # A process that is killed between the application's INSERT and the COMMIT has done neither; the second run does both.
  KILLED = <<~'RUBY'
    require "knocker"
    require "sqlite3"
    inbox = KnockerSqlite.attach(SQLite3::Database.new(ARGV[0]))
    inbox.add_endpoint("shop", provider: "token-header", secrets: "s3cr3t-token")
    inbox.register_handler("shop") do |event, tx|
      tx.execute("INSERT INTO orders VALUES (?)", [event.id])
      Process.kill(:KILL, Process.pid) if ARGV[1] == "kill"
    end
    inbox.run_worker_once(lease_s: 1).each { |finished| puts finished.status }
  RUBY

  def test_a_worker_that_is_killed_between_the_write_and_the_commit_has_done_neither
    add_shop(attach).receive(body: body(1), headers: HEADERS)
    assert_predicate signal_of(KILLED, @path, "kill"), :signaled?
    assert_equal [0, "received", 1], [count("orders"), @db.get_first_value("SELECT status FROM knocker_events"),
                                      @db.get_first_value("SELECT attempts FROM _honker_live")]
    eventually { ruby(KILLED, @path, "live") == "handled" }
    assert_equal [[1]], @db.execute("SELECT event FROM orders")
    assert_equal 2, @db.get_first_value("SELECT attempt_count FROM knocker_events")
  end

  # Threads share one connection by turns; what they receive meanwhile is none of a handler's transaction.
  def test_threads_take_turns_on_one_connection
    inbox = attach
    shop = add_shop(inbox)
    seen = Queue.new
    shop.handle { |event, _| sleep(0.002) && raise("again") if event.json["id"].to_i.odd? && event.attempt_count == 1 }
    worker = inbox.start_worker
    receive = ->(number) { seen << shop.receive(body: body(number), headers: HEADERS).durable }
    Array.new(4) { |thread| Thread.new { 10.times { |n| receive.call((thread * 10) + n) } } }.each(&:join)
    eventually { inbox.stats.events == { "handled" => 20, "failed" => 20 } }
    worker.stop
    assert_equal [true] * 40, Array.new(40) { seen.pop }
  end

  def test_one_connection_has_one_handler_at_a_time
    error = assert_raises(KnockerSqlite::InvalidArgumentError) { attach.run_worker(concurrency: 2) }
    assert_includes error.message, "one"
  end

  def test_a_worker_on_the_callers_thread_stops_when_told_to
    inbox = attach
    shop = add_shop(inbox)
    shop.receive(body: body(1), headers: HEADERS)
    thread = nil
    shop.handle { thread = Thread.current and inbox.stop }
    assert_empty inbox.run_worker.rolled_back
    assert_same Thread.current, thread
    inbox.stop
    assert_empty inbox.run_worker.rolled_back
  end

  def test_a_database_in_memory_is_an_inbox_of_its_own
    handled = []
    2.times do |number|
      inbox = KnockerSqlite.attach(database(":memory:"))
      shop = add_shop(inbox)
      shop.handle { |event, _| handled << [number, event.id] }
      refute shop.receive(body: body(1), headers: HEADERS).durable
      inbox.run_worker_once
      assert_nil inbox.path
    end
    assert_equal [[0, 1], [1, 1]], handled
  end

  # Settings of the sqlite3 gem that change what its execute answers.
  def test_the_gems_settings_change_nothing
    @db.results_as_hash = true
    @db.type_translation = true
    inbox = attach
    shop = add_shop(inbox)
    shop.handle { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.id]) }
    shop.receive(body: body(1), headers: HEADERS)
    assert_equal ["handled"], inbox.run_worker_once.map(&:status)
  end
end
