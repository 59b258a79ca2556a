# frozen_string_literal: true

module KnockerSqlite
  # A worker over the application's connections. On one connection it handles events one after the other, on the thread that has
  # called run_worker; with a class of Active Record each slot is a thread with a connection from the pool.
  class AttachedWorker < Worker
    # How long stopping waits for running handlers, unless the options say so.
    STOP_S = 30.0
    # How often the end of a step is written again while the file is locked.
    TRIES = 20

    # @api private
    def initialize(inbox, transport, registry, options) # rubocop:disable Lint/MissingSuper -- there is no worker of the library's own
      @inbox = inbox
      @transport = transport
      @host = transport.host
      refuse_concurrency(options["concurrency"])
      set_up(transport.call("worker_open", options), registry)
      @stop_timeout_s = options["stop_timeout_s"] || STOP_S
      @serving = false
      @running = {}
    end

    # @api private
    def start
      return super if @host.many? || @host.movable?

      raise InvalidArgumentError, "A connection of Active Record belongs to its thread: attach ActiveRecord::Base to run a worker " \
                                  "beside it, or call run_worker."
    end

    # @api private
    def run
      return super if @host.many?

      begin
        @serving = true
        serve
      ensure
        @serving = false
        close
      end
      @report
    end

    # (see Worker#running?)
    def running?
      super || (@serving && !@stopping)
    end

    # @api private
    def once
      finished = []
      serve(finished)
      finished
    end

    # @api private
    def close
      was_open = @open
      @stopping = true
      @open = false
      Worker.forget(self)
      @transport.call("worker_close", { "worker" => @handle }, writes: true) if was_open && @process == Process.pid
    rescue Error => error
      # A handler that was left behind holds the database or the connection: its lease ends by itself.
      raise unless error.retryable || %w[closed forked invalid_state].include?(error.code)

      KnockerSqlite.logger&.warn { "knocker: worker #{@worker_id} was not closed: #{error.message}" } unless error.code == "closed"
    end

    # @api private
    def cut_off
      @stopping = true
    end

    private

    def refuse_concurrency(concurrency)
      return if @host.many? || !concurrency.is_a?(Integer) || concurrency <= 1

      raise InvalidArgumentError, "concurrency: #{concurrency} handlers at a time need as many connections, and the inbox is attached to " \
                                  "one. Attach ActiveRecord::Base, or run one process more."
    end

    def stop_slots(timeout_s)
      @stopping = true
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + (timeout_s || @stop_timeout_s)
      while @threads.any?(&:alive?) && (left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)).positive?
        join([left, SLICE_S].min)
      end
      @report = StopReport.from_reply("rolled_back" => @running.values.sort, "given_back" => 0)
    end

    # Handle events until it is to stop or, with a list for what became of them, until none is due.
    def serve(finished = nil)
      until @stopping
        reply = claim
        if reply["step"]
          ended, error = handle(reply["step"])
          finished << ended if finished && ended
          raise error if error && Outcome.ends_the_worker?(error)
        elsif reply["stopping"] || finished
          return
        else
          pause(reply["wait_ms"] / 1000.0)
        end
      end
    end

    def claim
      @transport.call("worker_next", { "worker" => @handle }, writes: true)
    rescue Error => error
      raise unless error.retryable && error.code != "closed"

      KnockerSqlite.logger&.warn { "knocker: worker #{@worker_id}: #{error.code}: #{error.message}" }
      pause(PAUSE_S)
      { "step" => nil, "wait_ms" => 0, "stopping" => false }
    end

    def pause(seconds)
      ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
      while !@stopping && (left = ends - Process.clock_gettime(Process::CLOCK_MONOTONIC)).positive?
        sleep([left, SLICE_S].min)
      end
    end

    # Run the handler of a step; answers what became of it, and what it raised.
    def handle(step)
      handler = @registry[step["handler"]]
      # Replaced since the claim: the next claim finds the new one.
      return [settle(step, Outcome::GIVE_BACK, nil), nil] if handler.nil?

      run = HandlerRun.new(@transport, step)
      @running[step["step"]] = step["event"]["id"]
      @host.with(writes: true) { |link| run.attempt(link, handler) }
      finished = run.handled || settle_failed(step, run)
      @running.delete(step["step"])
      log(step, finished, run.error)
      [finished && Finished.from_reply(finished), run.error]
    end

    def settle_failed(step, run)
      return settle(step, Outcome.of(run.error), run.error) if run.begun?

      # The database is locked, most likely: the handler has not run.
      KnockerSqlite.logger&.warn { "knocker: worker #{@worker_id}: #{Outcome.message_of(run.error)}" }
      pause(PAUSE_S)
      settle(step, Outcome::GIVE_BACK, nil)
    end

    # Write what became of a run that was rolled back.
    def settle(step, outcome, raised)
      tries ||= 0
      @transport.call("step_finish", { "step" => step["step"], "outcome" => outcome }, writes: true)
    rescue InvalidArgumentError => error
      # The handler chose an outcome that is none (RetryAfter.new(-1)): that is its failure.
      raise if outcome["kind"] == "failed"

      outcome = Outcome.failed(raised || error, error.message)
      retry
    rescue ClosedError
      nil
    rescue Error => error
      raise unless error.retryable
      return nil if (tries += 1) > TRIES # the lease ends, and another worker runs the event

      sleep(PAUSE_S)
      retry
    end
  end

  # One handler's run in the application's transaction: BEGIN, the handler, "handled", COMMIT.
  # @api private
  class HandlerRun
    # What the handler, or the commit, raised.
    attr_reader :error
    # The library's reply where "handled" is committed; else nil.
    attr_reader :handled

    def initialize(transport, step)
      @transport = transport
      @step = step
      @begun = false
    end

    # Whether the transaction was open.
    def begun?
      @begun
    end

    # Run it all on a connection. Never raises.
    def attempt(link, handler)
      reply = nil
      link.transaction { reply = in_transaction(link, handler) }
      @handled = reply if @error.nil?
    rescue Exception => error # rubocop:disable Lint/RescueException -- the worker decides
      @error ||= error
      @handled = reply if reply && committed?(link)
    end

    private

    def in_transaction(link, handler)
      @begun = true
      @transport.on(link, "step_begin", "step" => @step["step"])
      handler.call(Event.from_reply(@step["event"]), link.tx)
      @transport.on(link, "step_finish", "step" => @step["step"], "outcome" => Outcome::HANDLED)
    rescue Exception => error # rubocop:disable Lint/RescueException -- Active Record keeps some to itself, and puts others before them
      @error = error
      raise
    end

    # An after_commit of the application's raises when all is committed.
    def committed?(link)
      return false if link.database.transaction_active?

      @transport.on(link, "get_event", "id" => @step["event"]["id"])["status"] == "handled"
    rescue StandardError
      false
    end
  end
end
