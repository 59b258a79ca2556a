# frozen_string_literal: true

# A fault inside the library: everybody who waits learns of it, and the process goes on.
class FaultTest < KnockerTest
  PANICKING = File.join(ROOT, "build", "testpanic", "libknocker.so")

  PROGRAM = <<~'RUBY'
    require "knocker"
    KnockerSqlite::Library.path = ARGV[1]
    inbox = KnockerSqlite.open(ARGV[0], receive_timeout_ms: 60_000, max_transaction_s: 60)
    shop = inbox.add_endpoint("shop", provider: "token-header", secrets: "t", provider_options: { event_type_path: "type" })
    holding = Queue.new
    free = Queue.new
    shop.handle("hold") { |_, tx| tx.execute("CREATE TABLE app (id)") && (holding << true) && free.pop }
    headers = { "x-knocker-token" => "t" }
    code = lambda do |&act|
      act.call && "no error"
    rescue KnockerSqlite::Error => error
      error.code
    end
    shop.receive(body: '{"type":"hold"}', headers: headers)
    worker = Thread.new { code.call { inbox.run_worker(concurrency: 2) } }
    holding.pop
    waiting = Array.new(3) { Thread.new { code.call { shop.receive(body: "{}", headers: headers) } } }
    sleep 0.2
    code.call { KnockerSqlite::Library.call(inbox.instance_variable_get(:@handle)[0], "test_panic", { "where" => "goroutine" }) }
    puts waiting.map(&:value).uniq.join
    free << true
    puts worker.value
    puts [-> { inbox.stats }, -> { shop.receive(body: "{}", headers: headers) }, -> { KnockerSqlite.open(ARGV[0]) }].map { |act| code.call(&act) }.uniq
  RUBY

  def test_a_fault_is_told_to_all_and_ends_nothing_else
    assert_equal %w[internal internal internal], ruby(PROGRAM, File.join(Dir.mktmpdir, "app.db"), PANICKING).lines(chomp: true)
  end
end
