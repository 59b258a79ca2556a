# frozen_string_literal: true

ROOT = File.expand_path("../../../..", __dir__)
PACKAGE = File.join(ROOT, "bindings", "ruby")
$LOAD_PATH.unshift(File.join(PACKAGE, "lib"))

require "knocker"
require "knocker_sqlite/testing"
require "minitest"
require "open3"
require "rbconfig"
require "timeout"

# What the tests share.
class KnockerTest < Minitest::Test
  include KnockerSqlite::Testing

  TOKEN = "s3cr3t-token"
  HEADERS = { "X-Knocker-Token" => TOKEN }.freeze
  # Limits that only something stuck meets: a busy machine may stand still for seconds.
  PATIENT = { busy_timeout_ms: 60_000, receive_timeout_ms: 60_000, max_transaction_s: 60 }.freeze
  RUBY = [RbConfig.ruby, "-W", "-I#{File.join(PACKAGE, "lib")}"].freeze
  LONGEST_S = 120

  # Nothing may hang: neither a test nor what it has started.
  def run
    Timeout.timeout(LONGEST_S) { super }
  end

  def inbox
    @inbox ||= temporary_inbox(**PATIENT)
  end

  def add_shop(inbox = self.inbox, **options)
    inbox.add_endpoint("shop", provider: "token-header", secrets: TOKEN,
                               provider_options: { event_type_path: "type", event_id_path: "id" }, **options)
  end

  def body(id, type = "order.created")
    JSON.generate("id" => id.to_s, "type" => type)
  end

  # Run a program in a process of its own; answers what it printed, and fails where it printed a warning or failed.
  def ruby(source, *arguments, limit: 60)
    output, errors, status = Timeout.timeout(limit) { Open3.capture3(*RUBY, "-e", source, *arguments.map(&:to_s)) }
    assert_equal ["", 0], [errors, status.exitstatus], output
    output.strip
  end

  def shell(path, sql)
    output, status = Open3.capture2e("sqlite3", "-batch", path, sql)
    assert_predicate status, :success?, output
    output.strip
  end

  def eventually(limit = 60)
    ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    loop do
      found = yield
      return found if found

      flunk "it did not become true within #{limit} s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > ends
      sleep 0.02
    end
  end
end
