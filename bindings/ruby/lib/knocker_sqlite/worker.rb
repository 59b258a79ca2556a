# frozen_string_literal: true

module KnockerSqlite
  # A running worker: slots on threads of their own, so that whoever waits for it can be interrupted.
  # {Inbox#start_worker} answers one.
  class Worker
    # How long a waiting slot stays in the library at a time. Stopping wakes it at once.
    SLOT_WAIT_MS = 1_000
    # How often a waiting caller looks whether it should stop: a signal's handler can only set a flag.
    SLICE_S = 0.1
    # How long a slot pauses after an error that can pass, such as a full disk.
    PAUSE_S = 0.5
    # Levels of Ruby's Logger by what became of a run.
    LEVELS = { "dead" => 3, "ignored" => 1, "given_back" => 1 }.freeze
    WARN = 2
    # How long handlers that outlived the deadline get to notice that their transaction is gone.
    AFTER_S = 2.0

    @open = {}.compare_by_identity

    class << self
      # The workers that are not closed yet. Before the process ends Ruby waits for its threads, and a thread that is inside
      # the library can't be interrupted: so all are cut off first.
      # @api private
      def track(worker)
        @at_exit ||= at_exit { @open.each_key(&:cut_off) } || true
        @open[worker] = true
      end

      # @api private
      def forget(worker)
        @open.delete(worker)
      end
    end

    # @return [String] names it in the file: host, process and a random part unless it was given
    attr_reader :worker_id
    # @return [StopReport] how it ended; empty while it runs
    attr_reader :report

    # @api private
    def initialize(inbox, db, registry, options)
      # An inbox that nobody holds is closed, and its workers with it: a running one holds it.
      @inbox = inbox
      set_up(Library.worker_open(db, options), registry)
    end

    # @api private
    def start
      Worker.track(self)
      @threads = Array.new(@concurrency) { |number| slot_thread(number) }
      self
    end

    # Run until it is told to stop.
    # @api private
    # @return [StopReport]
    def run
      start
      wait
    end

    # Whether it still takes events.
    def running?
      !@stopping && @failure.nil? && @threads.any?(&:alive?)
    end

    # Whether it was not closed yet.
    # @api private
    def open?
      @open
    end

    # Ask it to stop; returns at once. May be called from any thread and from a signal's trap.
    # @return [nil]
    def request_stop
      @stopping = true
      nil
    end

    # Stop it: running handlers may end within the deadline, then they are rolled back, and run again.
    # @param timeout_s [Numeric, nil] Defaults to the worker's stop_timeout_s (30).
    # @return [StopReport]
    def stop(timeout_s = nil)
      stop_slots(timeout_s)
      close
      raise @failure if @failure

      @report
    end

    # Wait until it is told to stop, then stop it.
    # @return [StopReport]
    def wait
      join(SLICE_S) while running?
      stop
    ensure
      # After a second Ctrl-C during the stop, too.
      close
    end

    # Handle what is due now, on this thread.
    # @api private
    def once
      finished = []
      while (step = claim_now)
        outcome, error = handle(step)
        # Without a wait in the same call the commit is done when it returns.
        reply = finish(step, outcome, error, nil)
        finished << Finished.from_reply(reply["finished"]) if reply["finished"]
        raise error if error && Outcome.ends_the_worker?(error)
      end
      finished
    end

    # Give the library's worker up; what still runs is rolled back. Again, and in a forked child, it does nothing.
    # @api private
    def close
      @stopping = true
      @open = false
      Worker.forget(self)
      Library.worker_close(@handle) if @process == Process.pid
    rescue ClosedError
      nil
    end

    # Roll back what runs, and wake every slot.
    # @api private
    def cut_off
      @stopping = true
      Library.worker_stop(@handle, "deadline_ms" => 0) if @process == Process.pid
    rescue Error
      nil
    end

    private

    def set_up(reply, registry)
      @handle = reply["worker"]
      @worker_id = reply["worker_id"]
      @concurrency = reply["concurrency"]
      @registry = registry
      @process = Process.pid
      @stopping = false
      @open = true
      @failure = nil
      @threads = []
      @report = StopReport.from_reply("rolled_back" => [], "given_back" => 0)
    end

    def slot_thread(number)
      thread = Thread.new { run_slot }
      thread.name = "knocker-worker-#{number}"
      # The caller of wait gets it; nothing is printed.
      thread.report_on_exception = false
      thread
    end

    def join(seconds)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
      @threads.each { |thread| thread.join([deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC), 0].max) }
    end

    # On another thread, so that this one stays open to a second Ctrl-C.
    def stop_slots(timeout_s)
      @stopping = true
      stopping = Thread.new { Library.worker_stop(@handle, "deadline_ms" => timeout_s && (timeout_s * 1000).ceil) }
      stopping.report_on_exception = false
      nil until stopping.join(SLICE_S)
      @report = StopReport.from_reply(stopping.value)
      join(AFTER_S)
    rescue ClosedError
      nil
    end

    def run_slot
      serve
    rescue ClosedError
      # The inbox was closed under the worker, which ends it.
      nil
    rescue Exception => error # rubocop:disable Lint/RescueException -- whoever waits for the worker raises it
      @failure ||= error
      KnockerSqlite.logger&.error { "knocker: worker #{@worker_id} ended: #{error.full_message(highlight: false)}" }
    end

    def serve
      reply = claim
      loop do
        step = reply["step"]
        if step.nil?
          return if @stopping || reply["stopping"]

          reply = claim
          next
        end
        outcome, error = handle(step)
        ends = error && Outcome.ends_the_worker?(error)
        reply = finish(step, outcome, error, ends || @stopping ? nil : SLOT_WAIT_MS)
        raise error if ends
      end
    end

    # Run the handler of a step; answers the outcome and what the handler raised.
    def handle(step)
      handler = @registry[step["handler"]]
      # Replaced since the claim: the next claim finds the new one.
      return [Outcome::GIVE_BACK, nil] if handler.nil?

      handler.call(Event.from_reply(step["event"]), Tx.new(step["step"]))
      [Outcome::HANDLED, nil]
    rescue Exception => error # rubocop:disable Lint/RescueException -- the outcome tells what it means
      [Outcome.of(error), error]
    end

    # End a step and, with wait_ms, wait for the next one.
    def finish(step, outcome, error, wait_ms)
      reply = patiently("step" => step["step"], "outcome" => outcome, "wait_ms" => wait_ms)
      log(step, reply["finished"], error)
      reply
    rescue InvalidArgumentError => refused
      # The handler chose an outcome that is none (RetryAfter.new(-1)): that is its failure.
      step_once("step" => step["step"], "outcome" => Outcome.failed(error || refused, refused.message), "wait_ms" => wait_ms)
    end

    def claim
      patiently("wait_ms" => @stopping ? nil : SLOT_WAIT_MS)
    end

    def claim_now
      @stopping ? nil : step_once("wait_ms" => 0)["step"]
    end

    # Make a step; errors that can pass, such as a full disk, are waited out.
    def patiently(request)
      step_once(request)
    rescue Error => error
      raise unless error.retryable

      KnockerSqlite.logger&.warn { "knocker: worker #{@worker_id}: #{error.code}: #{error.message}" }
      sleep(PAUSE_S)
      { "finished" => nil, "step" => nil, "stopping" => false }
    end

    def step_once(request)
      Library.worker_step(@handle, request.merge("home" => Home.current))
    end

    def log(step, finished, error)
      return if KnockerSqlite.logger.nil? || finished.nil? || finished["status"] == "handled"

      event = step["event"]
      why = finished["error"] ? "#{finished["error"]["code"]}: #{finished["error"]["message"]}" : error&.full_message(highlight: false)
      KnockerSqlite.logger.add(LEVELS.fetch(finished["status"], WARN)) do
        "knocker: event #{event["id"]} (#{event["endpoint"]}, #{event["event_type"]}), " \
          "attempt #{step["attempt"]} of #{step["max_attempts"]}: #{[finished["status"], why].compact.join(": ")}"
      end
    end
  end
end
