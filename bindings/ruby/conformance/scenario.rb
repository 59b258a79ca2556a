# frozen_string_literal: true

require "fileutils"

require_relative "binding"
require_relative "matching"

# One scenario that runs in an empty folder: see conformance/README.md.
class Scenario
  START = 1_767_225_600
  FILES = File.expand_path("../../../conformance/scenarios/files", __dir__)
  # How long a query may be repeated until it fails, in seconds.
  LONGEST = 10

  # A step that did not give what it should; the scenario ends.
  class Differs < StandardError
  end

  def initialize(folder, verbose)
    @folder = folder
    @verbose = verbose
    @now = START
    @inboxes = {}
    @clocked = []
    @saved = {}
    @ran = 0
    @differences = []
  end

  # Run the steps until one differs; answer the differences.
  def run(steps)
    steps.each_with_index do |step, index|
      step("step #{index + 1}", step) { |filled| act(filled) }
      break unless @differences.empty? # of a handler
    end
    @differences
  rescue Differs
    @differences
  ensure
    @inboxes.each_value(&:close)
  end

  private

  # Run one step and compare.
  def step(where, raw, &act)
    where = "#{where} (#{raw.values_at("do", "method").compact.join(" ")})"
    step = filled(raw)
    got, error = attempt(where, step, &act)
    puts "#{Matching.shown(raw)}\n  -> #{error ? "#{error.code}: #{error.message}" : Matching.shown(got)}" if @verbose
    got = expected_error(where, step["error"], error, got) if step.key?("error")
    differs("#{where}: #{error.code}: #{error.message}") if error && !step.key?("error")
    compare(where, step["expect"], got) if step.key?("expect")
    (raw["save"] || {}).each { |name, path| @saved[name] = lookup(where, got, path) }
  end

  def attempt(where, step)
    [yield(step), nil]
  rescue KnockerSqlite::Error => error
    [nil, error]
  rescue Differs, KnockerSqlite::HandlerSignal
    raise
  rescue StandardError => error # a fault of the binding is a difference, too
    differs("#{where}: #{error.full_message(highlight: false)}")
  end

  def expected_error(where, want, error, got)
    differs("#{where}: expected the error #{Matching.shown(want)}, got #{Matching.shown(got)}") if error.nil?
    want = { "code" => want } if want.is_a?(String)
    plain = Plain.error(error)
    compare(where, want, plain, " (#{error.message})")
    plain
  end

  def compare(where, want, got, more = "")
    found = Matching.match("", want, got)
    differs(*found.map { |text| "#{where}: #{text}#{more}" }) unless found.empty?
  end

  def differs(*differences)
    @differences.concat(differences)
    raise Differs, differences.join("; ")
  end

  # A step with what was saved in place of its names; a handler's own steps are filled when they run.
  def filled(value)
    case value
    when String then filled_text(value)
    when Array then value.map { |item| filled(item) }
    when Hash then value.to_h { |name, item| [name, name == "handler" ? item : filled(item)] }
    else value
    end
  end

  def filled_text(text)
    return File.join(@folder, text.delete_prefix("$folder/")) if text.start_with?("$folder/")
    return @saved[text[1..]] if text.start_with?("$") && @saved.key?(text[1..])

    text
  end

  def lookup(where, value, path)
    path.split(".").reduce(value) do |part, name|
      found = part.is_a?(Array) ? part[Integer(name, 10)] : part&.fetch(name, nil)
      differs("#{where}: the result has no #{path}") if found.nil? && !(part.is_a?(Hash) && part.key?(name))
      found
    end
  end

  # Do what a step says, apart from what only a handler can do.
  def act(step)
    case step["do"]
    when "open" then open_inbox(step)
    when "clock" then move_clock(step)
    when "write_file" then write_file(step)
    when "call"
      return Plain.call_alone(step["method"], step["request"] || {}) if %w[sign providers].include?(step["method"])

      Plain.call(inbox(step), step["method"], step["request"] || {})
    when "receive", "ingest" then Plain.value(receive(step))
    when "close" then close(step)
    when "handle" then handle(step)
    when "work" then work(step)
    else raise "there is no step #{step["do"]}"
    end
  end

  def inbox(step)
    @inboxes.fetch(step["inbox"] || "main")
  end

  def open_inbox(step)
    options = (step["options"] || {}).dup
    real = options.delete("clock") == "real"
    options["clock"] = { "now_s" => @now } unless real
    name = step["inbox"] || "main"
    path = File.join(@folder, step["file"] || "inbox.db")
    @inboxes[name] = KnockerSqlite.open(path, **Plain.native(options).transform_keys(&:to_sym))
    @clocked << name unless real
    {}
  end

  def close(step)
    @clocked.delete(step["inbox"] || "main")
    inbox(step).close
    {}
  end

  def handle(step)
    steps = step["handler"]
    options = (step["options"] || {}).transform_keys(&:to_sym)
    runs = 0
    inbox(step).register_handler(step["endpoint"], event_type: step["event_type"], **options) do |event, tx|
      @ran += 1
      run_handler(steps, runs += 1, event, tx)
    end
    {}
  end

  def work(step)
    before = @ran
    inbox(step).run_worker_once(**(step["options"] || {}).transform_keys(&:to_sym))
    { "ran" => @ran - before }
  end

  def move_clock(step)
    @now = step["set"] || (@now + step["advance"])
    @clocked.uniq.each { |name| @inboxes[name].set_clock(@now) }
    { "now_s" => @now }
  end

  def write_file(step)
    target = File.join(@folder, step["file"])
    step["from"] ? FileUtils.cp(File.join(FILES, step["from"]), target) : File.write(target, step["text"])
    {}
  end

  def receive(step)
    request = (step["request"] || {}).dup
    body = body_of(request)
    fields = request.transform_values { |value| Plain.native(value) }.transform_keys(&:to_sym)
    inbox(step).public_send(step["do"], endpoint: step["endpoint"], body: body, **fields)
  end

  def body_of(request)
    text = request.delete("body") || ""
    encoded = request.delete("body_base64")
    repeated = request.delete("body_repeat")
    return request.delete("body_parsed") if request.key?("body_parsed")
    return repeated["text"] * repeated["times"] if repeated

    encoded ? encoded.unpack1("m") : text
  end

  def run_handler(steps, run, event, tx)
    steps.each_with_index do |raw, index|
      next if run > (raw["until_run"] || run)

      finish(filled(raw))
      step("run #{run} of a handler, step #{index + 1}", raw) { |filled| in_handler(filled, event, tx) }
    end
  end

  # Raise what ends the handler, if the step does.
  def finish(step)
    case step["do"]
    when "raise" then raise step["message"] || ""
    when "retry_after" then raise KnockerSqlite::RetryAfter.new(step["seconds"], step["message"])
    when "discard" then raise KnockerSqlite::Discard, *step["reason"]
    when "ignore" then raise KnockerSqlite::Ignore, *step["reason"]
    end
  end

  def in_handler(step, event, tx)
    params = Plain.parameter(step["params"])
    case step["do"]
    when "event" then Plain.value(event)
    when "execute" then execute(tx, step, params)
    when "query" then query(tx, step, params)
    else act(step)
    end
  end

  def execute(tx, step, params)
    done = tx.execute(step["sql"], params)
    { "changes" => done.changes, "last_insert_rowid" => Plain.cell(done.last_insert_rowid) }
  end

  def query(tx, step, params)
    ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + LONGEST
    loop do
      rows = tx.query(step["sql"], params)
      return { "rows" => rows.map { |row| row.values.map { |value| Plain.cell(value) } } } if
        !step["until_error"] || Process.clock_gettime(Process::CLOCK_MONOTONIC) > ends
    end
  end
end
