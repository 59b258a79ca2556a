# frozen_string_literal: true

require "logger"
require "stringio"

# Workers: running, stopping, and being interrupted.
class WorkerTest < KnockerTest
  def setup
    @shop = add_shop
  end

  def test_a_worker_handles_what_comes_and_stops
    seen = Queue.new
    @shop.handle { |event, _| seen << event.id }
    worker = inbox.start_worker(concurrency: 3)
    20.times { |number| @shop.receive(body: body(number), headers: HEADERS) }
    assert_equal (1..20).to_a, Array.new(20) { seen.pop }.sort
    assert_predicate worker, :running?
    report = worker.stop
    assert_equal [[], 0], [report.rolled_back, report.given_back]
    refute_predicate worker, :running?
    assert_equal({ "handled" => 20 }, inbox.stats.events)
  end

  def test_stop_from_another_thread_wakes_a_waiting_worker_at_once
    waiting = Thread.new { inbox.run_worker(concurrency: 2) }
    eventually { inbox.instance_variable_get(:@workers).any?(&:running?) }
    inbox.stop
    assert_kind_of KnockerSqlite::StopReport, waiting.value
  end

  def test_a_stop_that_comes_before_the_start_counts
    inbox.stop
    assert_equal [], inbox.run_worker.rolled_back
  end

  def test_a_stop_lets_a_running_handler_finish
    entered = Queue.new
    leave = Queue.new
    @shop.handle { |_, _| (entered << true) && leave.pop }
    worker = inbox.start_worker
    @shop.receive(body: body(1), headers: HEADERS)
    entered.pop
    stopping = Thread.new { worker.stop }
    eventually { !worker.running? }
    leave << true
    assert_equal [], stopping.value.rolled_back
    assert_equal "handled", inbox.get_event(1).status
  end

  def test_a_handler_that_outlives_the_deadline_is_rolled_back
    entered = Queue.new
    leave = Queue.new
    code = nil
    @shop.handle do |_, tx|
      tx.execute("CREATE TABLE t (a)")
      entered << true
      leave.pop
      code = code_of { tx.execute("INSERT INTO t VALUES (1)") }
    end
    worker = inbox.start_worker
    @shop.receive(body: body(1), headers: HEADERS)
    entered.pop
    stopping = Thread.new { worker.stop(0.1) }
    eventually { inbox.get_event(1).attempt_count.zero? && inbox.stats.jobs_ready == 1 }
    leave << true
    assert_equal [1], stopping.value.rolled_back
    assert_equal "stopped", code
    assert_equal "0", shell(inbox.path, "SELECT count(*) FROM sqlite_schema WHERE name = 't'")
  end

  def test_closing_the_inbox_ends_its_workers
    worker = inbox.start_worker(concurrency: 2)
    inbox.close
    eventually { worker.instance_variable_get(:@threads).none?(&:alive?) }
    error = assert_raises(KnockerSqlite::ClosedError) { inbox.stats }
    assert_equal 503, error.http_status
    worker.stop
  end

  def test_failures_go_to_the_logger_and_nowhere_else
    log = StringIO.new
    KnockerSqlite.logger = Logger.new(log)
    @shop.handle { |_, _| raise "no stock" }
    @shop.receive(body: body(1), headers: HEADERS)
    assert_silent { drain(inbox) }
    assert_includes log.string, "no stock"
    assert_includes log.string, "attempt 1 of 12"
  ensure
    KnockerSqlite.logger = nil
  end

  def test_wrong_options_are_named
    error = assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.run_worker(concurency: 2) }
    assert_equal "concurrency", error.details["suggestion"]
  end

  INTERRUPTED = <<~'RUBY'
    require "knocker"
    KnockerSqlite.open(ARGV[0]) do |inbox|
      inbox.add_endpoint("shop", provider: "token-header", secrets: "t")
      inbox.register_handler("shop") { |_, _| nil }
      Thread.new { sleep 0.5; $stdout.puts "interrupting"; Process.kill(:INT, Process.pid) }
      begin
        inbox.run_worker(concurrency: 2)
      rescue Interrupt
        puts "interrupted after #{inbox.list_running.length} held"
      end
      puts inbox.stats.deliveries
    end
  RUBY

  def test_an_interrupt_ends_a_waiting_worker
    assert_equal "interrupting\ninterrupted after 0 held\n0", ruby(INTERRUPTED, inbox.path)
  end

  TRAPPED = <<~'RUBY'
    require "knocker"
    KnockerSqlite.open(ARGV[0]) do |inbox|
      Signal.trap("TERM") { inbox.stop }
      Thread.new { sleep 0.3; Process.kill(:TERM, Process.pid) }
      puts inbox.run_worker.rolled_back.inspect
    end
  RUBY

  def test_stop_may_be_called_from_a_trap
    assert_equal "[]", ruby(TRAPPED, inbox.path)
  end

  LEFT_RUNNING = <<~'RUBY'
    require "knocker"
    inbox = KnockerSqlite.open(ARGV[0])
    shop = inbox.add_endpoint("shop", provider: "token-header", secrets: "t")
    entered = Queue.new
    shop.handle { |_, tx| tx.execute("CREATE TABLE left_over (a)"); entered << true; sleep }
    inbox.start_worker(concurrency: 4)
    shop.receive(body: "{}", headers: { "x-knocker-token" => "t" })
    entered.pop
    at_exit { $stdout.write Process.clock_gettime(Process::CLOCK_MONOTONIC) }
  RUBY

  def test_a_process_that_ends_amid_a_handler_ends_at_once_and_gives_the_job_back
    ended = Float(ruby(LEFT_RUNNING, inbox.path))
    assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - ended, :<, 30
    stats = inbox.stats
    assert_equal [1, 0], [stats.jobs_ready + stats.jobs_later, stats.jobs_held]
    assert_equal "0", shell(inbox.path, "SELECT count(*) FROM sqlite_schema WHERE name = 'left_over'")
  end

  HELD = <<~'RUBY'
    require "knocker"
    seen = Queue.new
    inbox = KnockerSqlite.open(ARGV[0])
    inbox.add_endpoint("shop", provider: "token-header", secrets: "t").handle { |event, _| seen << event.id }
    worker = inbox.start_worker
    inbox = nil
    5.times { GC.start && Array.new(1000) { +"" } }
    KnockerSqlite.open(ARGV[0]) { |other| other.receive(endpoint: "shop", body: "{}", headers: { "x-knocker-token" => "t" }) }
    puts seen.pop, worker.running?
    worker.stop
  RUBY

  def test_a_running_worker_keeps_its_inbox_open
    assert_equal "1\ntrue", ruby(HELD, inbox.path)
  end

  def test_a_stop_after_a_worker_has_ended_counts_for_the_next
    inbox.start_worker.stop
    inbox.stop
    assert_equal [], inbox.run_worker.rolled_back
  end

  DROPPED = <<~'RUBY'
    require "knocker"
    def opened = KnockerSqlite.open(ARGV[0]).stats.deliveries
    20.times { opened }
    GC.start
    20.times { opened }
    GC.start
    sleep 0.2
    puts Dir.children("/proc/self/fd").length < 60
  RUBY

  def test_an_inbox_that_is_dropped_is_given_up
    assert_equal "true", ruby(DROPPED, inbox.path)
  end

  private

  def code_of
    yield
    "no error"
  rescue KnockerSqlite::Error => error
    error.code
  end
end
