# frozen_string_literal: true

require "active_record"
require "sqlite3"
require "stringio"

# Inboxes on Active Record's connections: a model's row and "handled" are one commit.
class ActiveRecordTest < KnockerTest
  # A pool of its own: other tests' connections are not touched.
  class Base < ActiveRecord::Base
    self.abstract_class = true
  end

  class Order < Base
    cattr_accessor :committed, default: []
    validates :number, presence: true
    after_commit { committed << number }
    after_commit { raise "after the commit" if number == "late" }
  end

  def setup
    ActiveRecord::Migration.verbose = false
    @folder = Dir.mktmpdir("knocker")
    @path = File.join(@folder, "app.db")
    Base.establish_connection(adapter: "sqlite3", database: @path, pool: 5, timeout: 30_000)
    Base.connection.execute("PRAGMA journal_mode = WAL")
    Base.connection.create_table(:orders) { |t| t.string :number, index: { unique: true } }
    Order.reset_column_information
    Order.committed.clear
  end

  def teardown
    Base.remove_connection
    FileUtils.remove_entry(@folder)
  end

  def test_a_models_row_and_handled_commit_or_roll_back_together
    inbox, shop = attach
    shop.handle do |event, tx|
      assert_same Base.connection, tx
      Order.create!(number: event.json["id"])
      Order.transaction { Order.create!(number: "#{event.json["id"]}-b") }
      raise "no stock" if event.json["id"] == "1"
    end
    2.times { |number| deliver_order(shop, number + 1) }
    assert_equal %w[failed handled], inbox.run_worker_once.map(&:status)
    assert_equal %w[2 2-b], Order.order(:number).pluck(:number)
    # after_commit waits for the commit of "handled", and never runs for what was rolled back.
    assert_equal %w[2 2-b], Order.committed.sort
    assert_equal "handled", inbox.get_event(2).status
  end

  def test_a_receipt_is_part_of_the_models_transaction
    inbox, shop = attach
    Order.transaction do
      Order.create!(number: "1")
      refute deliver_order(shop, 1).durable
      raise ActiveRecord::Rollback
    end
    assert_equal [0, 0], [Order.count, inbox.stats.deliveries]
    assert deliver_order(shop, 1).durable
  end

  def test_every_way_out_of_a_handler
    inbox, shop = attach
    ways = { "retry" => -> { raise KnockerSqlite::RetryAfter, 60 }, "discard" => -> { raise KnockerSqlite::Discard },
             "ignore" => -> { raise KnockerSqlite::Ignore }, "rollback" => -> { raise ActiveRecord::Rollback },
             "invalid" => -> { Order.create!(number: nil) }, "unique" => -> { Order.create!(number: "unique") } }
    shop.handle { |event, _| Order.create!(number: event.json["id"]) && ways.fetch(event.json["id"]).call }
    ways.each_key { |way| deliver_order(shop, way) }
    assert_equal %w[failed dead ignored failed failed failed], inbox.run_worker_once.map(&:status)
    assert_equal 0, Order.count
    assert_equal %w[ActiveRecord::Rollback ActiveRecord::RecordInvalid ActiveRecord::RecordNotUnique],
                 ([4, 5, 6].map { |id| inbox.list_attempts(id)[0]["error"][/\A[\w:]+(?=: )/] })
  end

  def test_a_handler_that_ends_the_transaction_itself_has_failed
    inbox, shop = attach
    ends = { "1" => ->(tx) { tx.execute("COMMIT") }, "2" => lambda(&:commit_db_transaction), "3" => lambda(&:commit_transaction) }
    shop.handle { |event, tx| ends.fetch(event.json["id"]).call(tx) }
    ends.each_key { |number| deliver_order(shop, number) }
    assert_equal %w[failed failed failed], inbox.run_worker_once.map(&:status)
    assert_includes inbox.list_attempts(1)[0]["error"], "transaction_ended"
    assert_equal [false, 0], [Base.connection.raw_connection.transaction_active?, Base.connection.open_transactions]
    Order.create!(number: "the connection works")
  end

  def test_a_deferred_foreign_key_at_the_commit_is_the_handlers_failure
    Base.connection.execute("CREATE TABLE lines (order_id INTEGER REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)")
    inbox, shop = attach
    shop.handle { |_, tx| Order.create!(number: "1") && tx.execute("INSERT INTO lines VALUES (77)") }
    deliver_order(shop, 1)
    assert_equal ["failed"], inbox.run_worker_once.map(&:status)
    assert_includes inbox.list_attempts(1)[0]["error"], "FOREIGN KEY"
    assert_equal [0, 0], [Order.count, Order.committed.length]
  end

  # What after_commit raises comes too late to undo anything: the event is handled, and runs only once.
  def test_an_after_commit_that_raises_leaves_the_event_handled
    inbox, shop = attach
    shop.handle { Order.create!(number: "late") }
    deliver_order(shop, 1)
    assert_equal ["handled"], inbox.run_worker_once.map(&:status)
    assert_empty inbox.run_worker_once
    assert_equal [1, 0], [Order.count, inbox.stats.jobs_held]
  end

  # Timeout leaves by a throw, which Active Record 6.1 takes for a return, and commits.
  def test_a_timeout_around_the_worker_rolls_back
    inbox, shop = attach
    shop.handle { Order.create!(number: "1") && sleep }
    deliver_order(shop, 1)
    ActiveSupport::Deprecation.silence do
      assert_raises(Timeout::Error) { Timeout.timeout(0.2) { inbox.run_worker_once } }
    end
    assert_equal [0, 0, 0], [Order.count, inbox.stats.jobs_held, Base.connection.open_transactions]
    refute_predicate Base.connection.raw_connection, :transaction_active?
  end

  # Each slot is a thread with a connection of the pool; web threads receive meanwhile. Active Record's "timeout" keeps Ruby's lock while
  # it waits, so none of them may wait in SQLite for a handler.
  def test_threads_have_connections_of_the_pool
    inbox, shop = attach
    shop.handle { |event, _| Order.create!(number: "#{event.json["id"]} #{Thread.current.name}") && sleep(0.01) }
    worker = inbox.start_worker(concurrency: 2)
    threads = Array.new(2) { |thread| Thread.new { receive_many(shop, thread) } }
    assert_equal [true], threads.flat_map(&:value).uniq
    eventually { inbox.stats.events == { "handled" => 20 } }
    worker.stop
    assert_equal 20, Order.count
    assert_equal %w[knocker-worker-0 knocker-worker-1], Order.pluck(:number).map { |number| number.split.last }.uniq.sort
    assert_operator Base.connection_pool.connections.count(&:in_use?), :<=, 2
  end

  # The library is loaded into each connection of the pool when it is first used.
  def test_a_connection_that_was_replaced_gets_the_library
    inbox, shop = attach
    Base.connection.reconnect!
    assert_equal 204, deliver_order(shop, 1).status_code
    Base.connection_pool.disconnect!
    assert_equal 1, inbox.stats.deliveries
  end

  def test_one_connection_serves_its_own_thread
    inbox = KnockerSqlite.attach(Base.connection)
    shop = add_shop(inbox)
    shop.handle { |event, _| Order.create!(number: event.json["id"]) && inbox.stop }
    deliver_order(shop, 1)
    inbox.run_worker
    assert_equal ["1"], Order.pluck(:number)
    assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.start_worker }
    assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.run_worker(concurrency: 2) }
  end

  def test_a_worker_inside_a_transaction_is_refused
    inbox, = attach
    Base.transaction { assert_raises(KnockerSqlite::InvalidStateError) { inbox.run_worker_once } }
    assert_empty inbox.run_worker_once
  end

  KILLED = <<~'RUBY'
    require "active_record"
    require "knocker"
    ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ARGV[0])
    class Order < ActiveRecord::Base; end
    inbox = KnockerSqlite.attach(ActiveRecord::Base)
    inbox.add_endpoint("shop", provider: "token-header", secrets: "s3cr3t-token")
    inbox.register_handler("shop") do |event, _|
      Order.create!(number: event.json["id"])
      Process.kill(:KILL, Process.pid) if ARGV[1] == "kill"
    end
    inbox.run_worker_once(lease_s: 1).each { |finished| puts finished.status }
  RUBY
  # Active Record's own code warns under -W.
  QUIET = [RbConfig.ruby, "-I#{File.join(PACKAGE, "lib")}"].freeze

  def test_a_worker_that_is_killed_between_the_write_and_the_commit_has_done_neither
    _, shop = attach
    deliver_order(shop, 1)
    assert_predicate Process.wait2(spawn(*QUIET, "-e", KILLED, @path, "kill")).last, :signaled?
    assert_equal [0, "received"], [Order.count, shell(@path, "SELECT status FROM knocker_events")]
    eventually { Open3.capture2(*QUIET, "-e", KILLED, @path, "live").first.strip == "handled" }
    assert_equal ["1"], Order.pluck(:number)
  end

  # Puma's cluster mode without preload: each worker process connects and attaches by itself. With it the parent must not load.
  FORKED = <<~'RUBY'
    require "active_record"
    require "knocker"
    ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ARGV[0], timeout: 30_000)
    KnockerSqlite.attach(ActiveRecord::Base) if ARGV[1] == "preload"
    puts(Array.new(2) do |number|
      reader, writer = IO.pipe
      child = fork do
        inbox = KnockerSqlite.attach(ActiveRecord::Base)
        inbox.add_endpoint("shop")
        writer.write inbox.ingest(endpoint: "shop", body: number.to_s).status_code
        exit!(0)
      rescue KnockerSqlite::ForkedError => error
        writer.write error.code
        exit!(0)
      end
      Process.wait(child)
      writer.close
      reader.read
    end)
  RUBY

  def test_forked_processes_attach_by_themselves
    assert_equal "204\n204\n", Open3.capture2(*QUIET, "-e", FORKED, @path, "each").first
    assert_equal "forked\nforked\n", Open3.capture2(*QUIET, "-e", FORKED, @path, "preload").first
  end

  # As docs/orms.md shows: the functions in every connection of the primary database, without making tables.
  CALLBACK = <<~'RUBY'
    require "active_record"
    require "active_record/connection_adapters/sqlite3_adapter"
    require "knocker"
    ActiveRecord::ConnectionAdapters::SQLite3Adapter.set_callback(:checkout, :after) do
      KnockerSqlite.load(self, bootstrap: false) if pool.db_config.name == "primary"
    end
    ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ARGV[0])
    puts ActiveRecord::Base.connection.select_value("SELECT knocker_version()") != nil
    puts Thread.new { ActiveRecord::Base.connection.select_value("SELECT knocker_version()") != nil }.value
    puts ActiveRecord::Base.connection.tables.inspect
  RUBY

  def test_the_checkout_callback_loads_into_every_connection
    assert_equal %(true\ntrue\n["orders"]\n), Open3.capture2(*QUIET, "-e", CALLBACK, @path).first
  end

  # The lines of docs/orms.md that keep Active Record's dumps away from the inbox's tables, with real dumps.
  def test_the_schema_dumpers_leave_the_tables_alone
    attach
    assert_includes dumped_schema, "knocker_events"
    ActiveRecord::SchemaDumper.ignore_tables = [/\A_?(knocker|honker)_/]
    refute_match(/knocker|honker/, dumped_schema)
    assert_includes dumped_schema, 'create_table "orders"'
    # Before Rails 7 the dumper of structure.sql takes names alone.
    ActiveRecord::SchemaDumper.ignore_tables = Base.connection.tables.grep(/\A_?(knocker|honker)_/)
    refute_match(/knocker|honker/, dumped_structure)
    assert_includes dumped_structure, '"orders"'
  ensure
    ActiveRecord::SchemaDumper.ignore_tables = []
  end

  def test_another_database_than_sqlite_is_named
    other = Struct.new(:adapter_name, :raw_connection, :open_transactions).new("PostgreSQL", nil, 0)
    assert_includes assert_raises(KnockerSqlite::InvalidArgumentError) { KnockerSqlite.attach(other) }.message, "PostgreSQL"
  end

  private

  def attach(**options)
    inbox = KnockerSqlite.attach(Base, **options)
    [inbox, add_shop(inbox, backoff_initial_s: 60)]
  end

  def deliver_order(shop, number)
    shop.receive(body: body(number), headers: HEADERS)
  end

  def receive_many(shop, thread)
    Array.new(10) { |number| deliver_order(shop, "#{thread}-#{number}").durable }
  ensure
    Base.connection_pool.release_connection
  end

  def dumped_schema
    StringIO.new.tap { |stream| ActiveRecord::SchemaDumper.dump(Base.connection, stream) }.string
  end

  def dumped_structure
    file = File.join(@folder, "structure.sql")
    config = Base.connection_pool.db_config
    tasks = ActiveRecord::Tasks::SQLiteDatabaseTasks.new(config, @folder)
    tasks.define_singleton_method(:connection) { Base.connection }
    tasks.structure_dump(file, nil)
    File.read(file)
  end
end
