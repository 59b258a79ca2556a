# frozen_string_literal: true

# Drives an inbox from Ruby. Requests are made and signed before the clock starts; prints one JSON object.
#
#     drive.rb receive DB THREADS SECONDS MAXIMUM [WARMUP]   threads share one inbox: rows, seconds, errors, error
#     drive.rb memory  DB CALLS                              the process's memory over CALLS calls (MB)
#     drive.rb share                                         processor time of a receive that is Ruby's own (µs)

$LOAD_PATH.unshift(File.expand_path("../../bindings/ruby/lib", __dir__))
require "knocker"
require "openssl"
require "securerandom"
require "tmpdir"

# The same requests as the drives of other languages.
module Requests
  ENDPOINT = "stripe"
  SECRET = "whsec_benchmarks_0123456789abcdef"
  BODY_BYTES = 2048

  class << self
    # A webhook with a random identity, signed as Stripe does; headers as Rack has them.
    def one(now)
      head = %({"id":"evt_#{SecureRandom.urlsafe_base64(18)}","object":"event","type":"invoice.paid","created":1700000000,"note":")
      body = "#{head}#{"n" * (BODY_BYTES - head.bytesize - 2)}\"}".b
      [body, headers(now, OpenSSL::HMAC.hexdigest("SHA256", SECRET, "#{now}.#{body}"))]
    end

    private

    def headers(now, mac)
      { "HTTP_ACCEPT" => "*/*; q=0.5, application/xml", "HTTP_ACCEPT_ENCODING" => "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
        "HTTP_CACHE_CONTROL" => "no-cache", "HTTP_CONNECTION" => "keep-alive", "CONTENT_LENGTH" => BODY_BYTES.to_s,
        "CONTENT_TYPE" => "application/json; charset=utf-8", "HTTP_HOST" => "shop.example.com",
        "HTTP_STRIPE_SIGNATURE" => "t=#{now},v1=#{mac}", "HTTP_USER_AGENT" => "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "HTTP_X_FORWARDED_FOR" => "203.0.113.7", "HTTP_X_FORWARDED_PROTO" => "https",
        "HTTP_X_REQUEST_ID" => "5f0c2d6e-8a9b-4d8e-9f27-0d1c2b3a4e5f" }
    end
  end
end

def open_inbox(path)
  inbox = KnockerSqlite.open(path)
  inbox.add_endpoint(Requests::ENDPOINT, provider: "stripe", secrets: Requests::SECRET)
  inbox
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

# Threads that each send the next request when the one before is answered.
def closed_loop(inbox, threads, seconds, maximum)
  made = Array.new(maximum) { Requests.one(Time.now.to_i) }
  errors = Queue.new
  started = now
  running = Array.new(threads) do
    Thread.new do
      rows = 0
      while now - started < seconds && (body, headers = made.pop)
        result = inbox.receive(endpoint: Requests::ENDPOINT, body: body, headers: headers)
        result.event_id && !result.duplicate ? rows += 1 : errors << result.to_s
      end
      rows
    rescue KnockerSqlite::Error => error
      errors << error.message
      rows
    end
  end
  { rows: running.sum(&:value), seconds: now - started, errors: errors.length, error: errors.empty? ? "" : errors.pop }
end

def memory_mb
  Integer(File.read("/proc/self/status")[/^VmRSS:\s+(\d+)/, 1]) / 1024.0
end

# What the first calls make (caches, connections, the pages of SQLite) stays, so it is no growth.
def grown_by(inbox, calls)
  inbox.register_handler(Requests::ENDPOINT) { |_, tx| tx.query("SELECT 1") }
  work = lambda do |count|
    (count / 10).times do
      body, headers = Requests.one(Time.now.to_i)
      # One is new, nine are its retries, so that the file stays small.
      10.times { inbox.receive(endpoint: Requests::ENDPOINT, body: body, headers: headers) }
      inbox.run_worker_once if rand(20).zero?
    end
  end
  work.call(calls / 5)
  before = memory_mb
  work.call(calls)
  { calls: calls, before_mb: before.round(1), after_mb: memory_mb.round(1), grown_mb: (memory_mb - before).round(1) }
end

# The best of nine runs counts.
def microseconds(calls, &call)
  Array.new(9) do
    started = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    calls.times(&call)
    (Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - started) / calls * 1e6
  end.min.round(1)
end

# Against a library that answers at once: what is left is Ruby's.
def share(folder)
  library = File.join(folder, "libconstant.so")
  system("gcc", "-O2", "-shared", "-fPIC", "-o", library, File.expand_path("../python/constant.c", __dir__), exception: true)
  KnockerSqlite::Library.path = library
  KnockerSqlite.open("unused.db") do |inbox|
    body, headers = Requests.one(Time.now.to_i)
    { receive_us: microseconds(4000) { inbox.receive(endpoint: Requests::ENDPOINT, body: body, headers: headers).status_code },
      request_us: microseconds(4000) { KnockerSqlite::Library.encode("headers" => KnockerSqlite::Arguments.headers(headers)) } }
  end
end

what, path, *numbers = ARGV
answer =
  case what
  when "receive"
    threads, seconds, maximum, warmup = numbers
    inbox = open_inbox(path)
    closed_loop(inbox, Integer(threads), 60, Integer(warmup)) if warmup
    closed_loop(inbox, Integer(threads), Float(seconds), Integer(maximum))
  when "memory" then grown_by(open_inbox(path), Integer(numbers[0]))
  when "share" then Dir.mktmpdir { |folder| share(folder) }
  end
puts JSON.generate(answer)
