# frozen_string_literal: true

# The torture's Ruby program: the sqlite3 gem beside Knocker's SQLite.
#
# Called by the torture command as `ruby.rb ROLE path journal_mode writer`; runs until its standard input ends.

$LOAD_PATH.unshift(File.expand_path("../../../bindings/ruby/lib", __dir__))
require "knocker"
require "sqlite3"

# The build that can leave the cure out.
KnockerSqlite::Library.path = ENV["TORTURE_LIBRARY"] if ENV.key?("TORTURE_LIBRARY")

if ENV["TORTURE_ENGINE"] == "host" # the gem's SQLite hands itself over
  SQLite3::Database.new(":memory:") do |db|
    db.enable_load_extension(true)
    db.load_extension(KnockerSqlite::Library.path)
  end
end

# The end of the torture: the end of the standard input.
module Torture
  @over = false

  class << self
    attr_accessor :over

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end

# Print a line, in one write: the threads share the pipe, and a kill must not cut it.
def say(*words)
  $stdout.syswrite("#{words.join(" ").tr("\n", " ")}\n")
end

# Writes through the sqlite3 gem, on one connection or on a new one every few transactions.
class HostWriter
  FILLER = SQLite3::Blob.new("\0" * 300)
  BACK = 10

  def initialize(path, mode, name, reopen:)
    @path = path
    @mode = mode
    @name = name
    @reopen = reopen
  end

  def run
    number = 1
    until Torture.over
      number += 1 if commit(number)
      close if @reopen && (number % 5).zero?
    end
    close
  end

  private

  def commit(number)
    @connection ||= connect
    transaction(number)
    say("commit", @name, number)
    true
  rescue SQLite3::BusyException
    sleep(0.001)
    false
  rescue SQLite3::Exception => error
    say("error", @name, error.class, error.message)
    sleep(0.001)
    false
  end

  def connect
    connection = SQLite3::Database.new(@path)
    # busy_timeout would wait with the interpreter's lock in hand, which the handler that holds the writer needs to end.
    connection.busy_handler { |count| sleep(0.001) || count < 20_000 }
    connection.execute("PRAGMA synchronous=#{@mode == "delete" ? "OFF" : "NORMAL"}")
    connection
  end

  def close
    @connection&.close
    @connection = nil
  end

  # Write a row; what this writer wrote before must be there.
  def transaction(number)
    @connection.execute("BEGIN IMMEDIATE")
    @connection.execute("INSERT INTO entry VALUES(?,?,?)", [@name, number, FILLER])
    @connection.execute("UPDATE total SET n = n + 1")
    seen = @connection.get_first_value("SELECT count(*) FROM entry WHERE writer = ? AND n > ?", [@name, number - BACK])
    raise SQLite3::CorruptException, "#{seen} of the last #{[number, BACK].min} rows are there before commit" if seen != [number, BACK].min

    @connection.execute("COMMIT")
  rescue StandardError
    @connection.execute("ROLLBACK") if @connection.transaction_active?
    raise
  end
end

# Receives on some threads and handles on others; opens the inbox again and again if told to.
class KnockerWriter
  def initialize(path, mode, name, reopen:)
    @path = path
    @mode = mode
    @name = name
    @reopen = reopen
  end

  def run
    generation = 0
    until Torture.over
      begin
        use_inbox("#{@name}.g#{generation}", Torture.now + (@reopen ? 0.7 : 3600))
      rescue KnockerSqlite::Error => error
        say("error", @name, error.code, error.message)
        sleep(0.005)
      end
      generation += 1
    end
  end

  private

  def use_inbox(name, limit)
    over = -> { Torture.over || Torture.now >= limit }
    mode = @mode == "delete" ? "keep" : "wal"
    patient = { busy_timeout_ms: 20_000, receive_timeout_ms: 20_000, max_transaction_s: 20 }
    KnockerSqlite.open(@path, journal_mode: mode, engine: ENV.fetch("TORTURE_ENGINE"), **patient) do |inbox|
      shop = inbox.add_endpoint("torture", provider: "token-header", secrets: "token")
      begun = Queue.new
      shop.handle do |event, tx|
        tx.execute("INSERT INTO handled VALUES(?)", [event.id])
        tx.execute("UPDATE total SET n = n + 1")
        begun << event.id
      end
      worker = inbox.start_worker
      threads = Array.new(2) { |slot| Thread.new { receive(shop, "#{name}.#{slot}", over) } }
      threads << Thread.new { confirm(inbox, begun, over) }
      threads.each(&:join)
      worker.stop
    end
  end

  # Report the events of whose commit a read knows.
  def confirm(inbox, begun, over)
    until over.call && begun.empty?
      event = next_of(begun)
      next if event.nil?

      status = status_of(inbox, event)
      if status == "handled"
        say("handled", event)
      elsif status && !over.call
        begun << event # its commit is under way, or it runs once more
        sleep(0.002)
      end
    end
  end

  def next_of(begun)
    begun.pop(true)
  rescue ThreadError
    sleep(0.01)
    nil
  end

  def status_of(inbox, event)
    inbox.get_event(event).status
  rescue KnockerSqlite::Error => error
    say("error", "get_event", error.code, error.message) unless error.code == "busy"
    nil
  end

  # Receive one event after the other.
  def receive(shop, name, over)
    number = 1
    until over.call
      result = store(shop, "#{name} #{number}")
      next if result.nil?
      return say("error", "receive", name, result.status_code, result.reason) if result.status_code != 204

      # Else stored by a call that answered busy: fine too.
      say("commit", name, number) unless result.duplicate?
      number += 1
    end
  end

  def store(shop, key)
    shop.receive(body: '{"type":"torture"}', headers: { "X-Knocker-Token" => "token" }, dedupe_key: key)
  rescue KnockerSqlite::Error => error
    unless error.code == "busy"
      say("error", "receive", key, error.code, error.message)
      sleep(0.001)
    end
    nil
  end
end

# Sample the process with both copies.
def count_descriptors
  until Torture.over
    say("fds", Dir.children(File.directory?("/proc/self/fd") ? "/proc/self/fd" : "/dev/fd").length)
    sleep(0.05)
  end
end

role, path, mode, name = ARGV
writers = []
writers << KnockerWriter.new(path, mode, "#{name}.knocker0", reopen: role == "embedded") unless role == "host"
writers << HostWriter.new(path, mode, "#{name}.host0", reopen: true) if role == "host"
if role == "main"
  writers << HostWriter.new(path, mode, "#{name}.host1", reopen: false)
  writers << HostWriter.new(path, mode, "#{name}.host2", reopen: true)
end
Thread.report_on_exception = true
threads = writers.map { |writer| Thread.new { writer.run } }
threads << Thread.new { count_descriptors } if role == "main"
$stdin.read
Torture.over = true
threads.each(&:join)
