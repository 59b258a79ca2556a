# frozen_string_literal: true

# fork: a Go runtime does not survive it, so the child gets an error and never hangs.
class ForkTest < KnockerTest
  CODES = <<~'RUBY'
    require "knocker"
    inbox = KnockerSqlite.open(ARGV[0])
    shop = inbox.add_endpoint("shop", provider: "token-header", secrets: "t")
    shop.handle { |_, _| nil }
    $over = false
    # Threads that are inside the library and inside the gem at the moment of the fork.
    receiving = Array.new(4) { Thread.new { shop.receive(body: "{}", headers: { "x-knocker-token" => "t" }) until $over } }
    worker = inbox.start_worker(concurrency: 2)
    sleep 0.3
    calls = [-> { shop.receive(body: "{}") }, -> { inbox.stats }, -> { inbox.run_worker }, -> { inbox.run_worker_once }, -> { inbox.start_worker },
             -> { shop.handle { nil } }, -> { KnockerSqlite.open(ARGV[0]) }, -> { KnockerSqlite.providers }, -> { inbox.events.first },
             -> { inbox.backup("copy.db") }]
    reader, writer = IO.pipe
    child = fork do
      codes = Array.new(2_000) do |number|
        calls[number % calls.length].call
        "no error"
      rescue KnockerSqlite::Error => error
        error.code
      end
      worker.close
      inbox.close rescue codes << $!.code
      writer.write(codes.uniq.join(","))
    end
    _, status = Process.wait2(child)
    writer.close
    $over = true
    receiving.each(&:join)
    worker.stop
    puts reader.read, status.exitstatus
    inbox.close
  RUBY

  def test_a_forked_child_gets_forked_and_never_hangs
    assert_equal "forked\n0", ruby(CODES, File.join(Dir.mktmpdir, "app.db"), limit: 110)
  end

  MESSAGE = <<~'RUBY'
    require "knocker"
    inbox = KnockerSqlite.open(ARGV[0])
    child = fork do
      inbox.stats
    rescue KnockerSqlite::ForkedError => error
      puts error.message, error.http_status
    end
    Process.wait(child)
  RUBY

  def test_the_message_names_the_hooks_of_ruby_servers
    message = ruby(MESSAGE, inbox.path)
    hooks = %w[before_worker_boot on_worker_boot SolidQueue.on_worker_start Resque.after_fork preload_app!]
    hooks.each { |hook| assert_includes message, hook }
  end

  AFTER = <<~'RUBY'
    require "knocker"
    children = Array.new(3) do
      fork do
        KnockerSqlite.open(ARGV[0], busy_timeout_ms: 60_000, receive_timeout_ms: 60_000) do |inbox|
          inbox.add_endpoint("shop", provider: "token-header", secrets: "t").receive(body: "{}", headers: { "x-knocker-token" => "t" })
        end
      end
    end
    puts children.map { |child| Process.wait2(child).last.exitstatus }.inspect
    KnockerSqlite.open(ARGV[0]) { |inbox| puts inbox.stats.deliveries }
  RUBY

  def test_requiring_before_the_fork_is_fine
    assert_equal "[0, 0, 0]\n3", ruby(AFTER, File.join(Dir.mktmpdir, "app.db"))
  end

  DROPPED = <<~'RUBY'
    require "knocker"
    inbox = KnockerSqlite.open(ARGV[0])
    shop = inbox.add_endpoint("shop", provider: "token-header", secrets: "t")
    child = fork do
      inbox = shop = nil
      GC.start
    end
    puts Process.wait2(child).last.exitstatus
    puts shop.receive(body: "{}", headers: { "x-knocker-token" => "t" }).status_code
  RUBY

  def test_a_child_may_drop_its_parents_inbox
    assert_equal "0\n204", ruby(DROPPED, File.join(Dir.mktmpdir, "app.db"))
  end

  # What Resque does: the parent never opens; each job's child does in after_fork.
  RESQUE = <<~'RUBY'
    require "knocker"
    after_fork = -> { $inbox = KnockerSqlite.open(ARGV[0]) }
    statuses = Array.new(3) do
      child = fork do
        after_fork.call
        $inbox.stats
        exit!(0) # Resque's children leave without at_exit
      end
      Process.wait2(child).last.exitstatus
    end
    puts statuses.inspect
  RUBY

  def test_a_job_runner_that_forks_for_each_job
    assert_equal "[0, 0, 0]", ruby(RESQUE, File.join(Dir.mktmpdir, "app.db"))
  end
end
