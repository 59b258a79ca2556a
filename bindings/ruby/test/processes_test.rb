# frozen_string_literal: true

require "sqlite3"

# Several processes on one file, and processes that are killed.
class ProcessesTest < KnockerTest
  LIMITS = "busy_timeout_ms: 60_000, receive_timeout_ms: 60_000, max_transaction_s: 60"

  WORKER = <<~RUBY.freeze
    require "knocker"
    KnockerSqlite.open(ARGV[0], #{LIMITS}) do |inbox|
      inbox.add_endpoint("shop", provider: "token-header", secrets: "#{TOKEN}")
      inbox.register_handler("shop") do |event, tx|
        tx.execute("INSERT INTO seen VALUES (?)", [event.id])
        Process.kill(:KILL, Process.pid) if ARGV[1] == "dies" && event.attempt_count == 1 && (event.id % 4).zero?
      end
      worker = inbox.start_worker(concurrency: 4, lease_s: 1)
      sleep 0.05 until inbox.stats.events.values_at("received", "processing", "failed").compact.sum.zero?
      worker.stop
    end
  RUBY

  # A row for each run that was committed: an event that ran twice would have two.
  def test_many_slots_and_processes_handle_each_event_once
    receive_some(80)
    workers = Array.new(3) { spawn(*RUBY, "-e", WORKER, inbox.path, "lives") }
    assert_equal [0, 0, 0], (workers.map { |worker| Process.wait2(worker).last.exitstatus })
    assert_equal "80|80", shell(inbox.path, "SELECT count(*), count(DISTINCT event) FROM seen")
    assert_equal({ "handled" => 80 }, inbox.stats.events)
  end

  # SIGKILL after the handler's INSERT: the next process runs the event again, and only its row is there.
  def test_each_event_is_worked_once_however_often_the_worker_dies
    receive_some(24)
    killed = 0
    until inbox.stats.events == { "handled" => 24 }
      status = Process.wait2(spawn(*RUBY, "-e", WORKER, inbox.path, "dies")).last
      killed += 1 if status.signaled?
    end
    assert_operator killed, :>=, 2
    assert_equal "24|24", shell(inbox.path, "SELECT count(*), count(DISTINCT event) FROM seen")
  end

  RECEIVER = <<~RUBY.freeze
    require "knocker"
    $stdout.sync = true
    inbox = KnockerSqlite.open(ARGV[0], #{LIMITS})
    shop = inbox.add_endpoint("shop", provider: "token-header", secrets: "#{TOKEN}")
    threads = Array.new(4) do
      Thread.new { loop { puts shop.receive(body: "{}", headers: { "x-knocker-token" => "#{TOKEN}" }).event_id } }
    end
    threads.each(&:join)
  RUBY

  def test_every_answered_receipt_survives_sigkill
    answered = []
    3.times do
      IO.popen([*RUBY, "-e", RECEIVER, inbox.path]) do |receiver|
        20.times { answered << Integer(receiver.gets) }
        Process.kill(:KILL, receiver.pid)
        answered.concat(receiver.readlines.grep(/\A\d+\n/).map(&:to_i))
      end
    end
    stored = shell(inbox.path, "SELECT id FROM knocker_events").lines.map(&:to_i)
    assert_empty answered - stored
    assert_operator answered.uniq.length, :>=, 60
  end

  # The sqlite3 gem brings the system's SQLite, an opened inbox its own: each keeps its symbols, and both write one file.
  def test_each_keeps_its_own_sqlite
    shop = add_shop
    db = SQLite3::Database.new(inbox.path)
    db.busy_handler { |count| sleep(0.005) && count < 10_000 }
    refute_equal inbox.sqlite_version, db.get_first_value("SELECT sqlite_version()")
    db.execute("CREATE TABLE rows (number INTEGER)")
    threads = [Thread.new { 40.times { |number| db.execute("INSERT INTO rows VALUES (?)", [number]) } },
               Thread.new { 40.times { |number| shop.receive(body: body(number), headers: HEADERS) } }]
    threads.each(&:join)
    assert_equal [40, 40], [db.get_first_value("SELECT count(*) FROM rows"), inbox.stats.deliveries]
    assert_empty inbox.check.integrity
  ensure
    db&.close
  end

  private

  def receive_some(count)
    shop = add_shop
    count.times { |number| shop.receive(body: body(number), headers: HEADERS) }
    shell(inbox.path, "CREATE TABLE seen (event INTEGER)")
  end
end
