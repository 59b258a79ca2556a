# frozen_string_literal: true

require_relative "support/attached"

# The library as an extension of the sqlite3 gem's SQLite, and the calls of inboxes on its connections.
class AttachedTest < AttachedCase
  # The README's walk in plain SQL: the application's row, "handled" and the job's end are one commit, or none.
  def test_the_sql_walk
    KnockerSqlite.load(@db)
    assert_equal 1, @db.get_first_value("SELECT knocker_endpoint_upsert('provider', '/webhooks/provider', 'token-header', 1)")
    result = JSON.parse(@db.get_first_value(<<~SQL, [JSON.generate("x-knocker-token" => TOKEN), "\x00\xFF".b]))
      SELECT knocker_receive('provider', 'token-header', json_array('#{TOKEN}'), json_object(), 'POST', ?, ?, NULL, NULL, NULL, NULL, NULL,
                             'knocker.events', 3)
    SQL
    assert_equal [204, 0, 1], result.values_at("status_code", "duplicate", "durable")
    assert_equal "\x00\xFF".b, @db.get_first_value("SELECT body_blob FROM knocker_deliveries")
    { "ROLLBACK" => [0, "received", 1], "COMMIT" => [1, "handled", 0] }.each do |ending, expected|
      walk_through_a_job(result["event_id"], ending)
      assert_equal expected, [count("orders"), @db.get_first_value("SELECT status FROM knocker_events"), count("_honker_live")], ending
    end
  end

  def test_loading_makes_the_tables_unless_told_not_to
    KnockerSqlite.load(@db, bootstrap: false)
    assert_equal 0, count("sqlite_schema WHERE name LIKE 'knocker_%'")
    assert_match(/\Aschema_missing: /, assert_raises(SQLite3::Exception) { @db.execute("SELECT knocker_replay(1, 'q', 3)") }.message)
    2.times { KnockerSqlite.load(@db) }
    assert_operator count("sqlite_schema WHERE name LIKE 'knocker_%'"), :>, 4
  end

  def test_loading_further_extensions_is_off_afterwards
    KnockerSqlite.load(@db)
    error = assert_raises(SQLite3::Exception) { @db.execute("SELECT load_extension(?)", [KnockerSqlite.to_path]) }
    assert_equal "not authorized", error.message
  end

  def test_the_path_is_what_sqlite_loads
    assert_equal KnockerSqlite.to_path, KnockerSqlite.loadable_path
    output, = Open3.capture2e("sqlite3", "-batch", @path, ".load #{KnockerSqlite.to_path}", "SELECT knocker_version()")
    assert_match(/\A\d+\.\d+/, output)
  end

  def test_what_is_no_connection_is_named
    [nil, "app.db", Object.new].each do |wrong|
      error = assert_raises(KnockerSqlite::InvalidArgumentError) { KnockerSqlite.attach(wrong) }
      assert_includes error.message, wrong.class.name
    end
  end

  # The very methods and records of an opened inbox.
  def test_an_attached_inbox_answers_as_an_opened_one
    inbox = attach
    shop = add_shop(inbox)
    first = shop.receive(body: body(1), headers: HEADERS)
    again = shop.receive(body: body(1), headers: HEADERS)
    assert_equal [204, true, false, true], [first.status_code, first.durable, first.duplicate?, again.duplicate?]
    assert_equal 401, shop.receive(body: body(2)).status_code
    assert_equal ["order.created", "1"], [inbox.get_event(1).event_type, inbox.get_event(1).json["id"]]
    assert_equal "\x00".b, inbox.get_delivery(shop.ingest(body: "\x00").delivery_id).body
    assert_equal 2, inbox.events(endpoint: "shop").to_a.length
    assert_equal 1, inbox.ignore_events(filter: { event_id: 1 }).changed
    assert_equal [inbox.path, "host", false], [@path, inbox.engine, inbox.closed?]
    assert_empty inbox.check.integrity
  end

  def test_errors_are_those_of_an_opened_inbox
    inbox = attach
    assert_equal 404, assert_raises(KnockerSqlite::UnknownEndpointError) { inbox.receive(endpoint: "none", body: "") }.http_status
    assert_equal "queue_name", assert_raises(KnockerSqlite::InvalidArgumentError) { attach(queuename: "x") }.details["suggestion"]
    assert_raises(KnockerSqlite::OpenOptionsConflictError) { attach(max_attempts: 3) }
    assert_raises(KnockerSqlite::InvalidStateError) { inbox.backup(File.join(@folder, "copy.db")) }
    inbox.close
    assert_raises(KnockerSqlite::ClosedError) { inbox.stats }
    refute_predicate @db, :closed?
  end

  # A receipt in the application's transaction is stored by the application's commit, and says so.
  def test_a_receipt_is_part_of_the_open_transaction
    shop = add_shop(attach)
    @db.transaction(:immediate)
    refute shop.receive(body: body(1), headers: HEADERS).durable
    @db.execute("INSERT INTO orders VALUES (1)")
    @db.rollback
    assert_equal [0, 0], [count("orders"), count("knocker_events")]
  end

  # Ruby's own busy_handler runs below the library's frames: nothing may be raised through them.
  def test_a_timeout_while_the_busy_handler_waits_comes_after_the_call
    waiting = 0
    @db.busy_handler { |count| (waiting += 1) && sleep(0.001) && count < 400 }
    shop = add_shop(attach)
    other = database
    other.execute("BEGIN IMMEDIATE")
    Thread.new do
      assert_raises(Timeout::Error) { Timeout.timeout(0.05) { shop.receive(body: body(1), headers: HEADERS) } }
    end.join
    assert_raises(Timeout::Error) { Timeout.timeout(0.05) { shop.receive(body: body(1), headers: HEADERS) } }
    other.execute("ROLLBACK")
    assert_equal 204, Fiber.new { shop.receive(body: body(1), headers: HEADERS).status_code }.resume
    assert_operator waiting, :>, 100
  end

  INTERRUPTED = <<~'RUBY'
    require "knocker"
    require "sqlite3"
    db = SQLite3::Database.new(ARGV[0])
    db.busy_handler { |count| sleep(0.001) && count < 1000 }
    other = SQLite3::Database.new(ARGV[0])
    inbox = KnockerSqlite.attach(db)
    shop = inbox.add_endpoint("shop")
    other.execute("BEGIN IMMEDIATE")
    5.times do
      Thread.new { sleep 0.1; Process.kill(:INT, Process.pid) }
      begin
        shop.ingest(body: "{}")
      rescue Interrupt, KnockerSqlite::BusyError => error
        puts error.class
      end
    end
    other.execute("ROLLBACK")
    puts shop.ingest(body: "{}").status_code
  RUBY

  def test_an_interrupt_while_the_busy_handler_waits_comes_after_the_call
    assert_equal "#{"Interrupt\n" * 5}204", ruby(INTERRUPTED, @path)
  end

  FORKED = <<~'RUBY'
    require "knocker"
    require "sqlite3"
    db = SQLite3::Database.new(ARGV[0])
    inbox = KnockerSqlite.attach(db)
    calls = [-> { inbox.stats }, -> { inbox.run_worker_once }, -> { KnockerSqlite.attach(db) },
             -> { KnockerSqlite.attach(SQLite3::Database.new(ARGV[0])) }, -> { KnockerSqlite.load(SQLite3::Database.new(":memory:")) }]
    child = fork do
      puts calls.map { |call| call.call && "none" rescue "#{$!.code} #{$!.message.include?("before_worker_boot")}" }.uniq
      $stdout.flush
      exit!(0)
    end
    Process.wait(child)
    puts inbox.stats.deliveries
  RUBY

  def test_a_forked_child_gets_forked
    assert_equal "forked true\n0", ruby(FORKED, @path)
  end

  # One connection's engine is the host's SQLite for opened inboxes, too.
  ENGINE = <<~'RUBY'
    require "knocker"
    require "sqlite3"
    KnockerSqlite.load(SQLite3::Database.new(":memory:"))
    KnockerSqlite.open(ARGV[0], engine: "host") { |inbox| puts inbox.engine, inbox.sqlite_version == SQLite3::Database.new(":memory:").get_first_value("SELECT sqlite_version()") }
  RUBY

  def test_an_inbox_can_be_opened_with_the_gems_sqlite
    assert_equal "host\ntrue", ruby(ENGINE, @path)
  end

  private

  def walk_through_a_job(event, ending)
    @db.execute("BEGIN IMMEDIATE")
    job, = JSON.parse(@db.get_first_value("SELECT honker_claim_batch('knocker.events', 'w', 10, 60)"))
    assert_equal [{ "event_id" => event }, 1], [JSON.parse(job["payload"]), job["attempts"]]
    assert_equal 1, @db.get_first_value("SELECT knocker_mark_processing(?, 1)", [event])
    @db.execute("INSERT INTO orders VALUES (?)", [event])
    assert_equal 1, @db.get_first_value("SELECT knocker_mark_handled(?, 7)", [event])
    assert_equal 1, @db.get_first_value("SELECT honker_ack(?, 'w')", [job["id"]])
    @db.execute(ending)
  end
end
