# frozen_string_literal: true

module KnockerSqlite
  # What a handler raises to choose its own outcome. What it wrote is rolled back.
  class HandlerSignal < StandardError
    # @api private
    def outcome
      raise NotImplementedError, "#{self.class} is no outcome"
    end
  end

  # Failed; try again after this many seconds instead of after the usual backoff:
  # +raise KnockerSqlite::RetryAfter.new(60)+.
  class RetryAfter < HandlerSignal
    # @return [Numeric] seconds
    attr_reader :seconds

    # @param seconds [Numeric] how long to wait, 0 or more
    # @param message [String, nil] why; kept with the attempt
    def initialize(seconds, message = nil)
      super(message || "try again after #{seconds} s")
      @seconds = seconds
    end

    # @api private
    def outcome
      { "kind" => "retry_after", "seconds" => @seconds, "error" => { "type" => "RetryAfter", "message" => Outcome.message_of(self) } }
    end
  end

  # Never try again: the event is dead at once. +raise KnockerSqlite::Discard, "no such order"+.
  class Discard < HandlerSignal
    # @param reason [String] why; kept with the attempt
    def initialize(reason = "discarded by its handler")
      super
    end

    # @api private
    def outcome
      { "kind" => "discard", "reason" => Outcome.message_of(self) }
    end
  end

  # The event concerns nobody: it is ignored, and can be pruned. +raise KnockerSqlite::Ignore, "a test order"+.
  class Ignore < HandlerSignal
    # @param reason [String] why; kept with the attempt
    def initialize(reason = "ignored by its handler")
      super
    end

    # @api private
    def outcome
      { "kind" => "ignore", "reason" => Outcome.message_of(self) }
    end
  end

  # How a handler's run ended, in the library's words.
  # @api private
  module Outcome
    HANDLED = { "kind" => "handled" }.freeze
    GIVE_BACK = { "kind" => "give_back" }.freeze

    class << self
      # The outcome of a handler that raised, or that returned (nil).
      def of(error)
        return HANDLED if error.nil?
        return error.outcome if error.is_a?(HandlerSignal)
        return GIVE_BACK if ends_the_worker?(error)

        failed(error)
      end

      # Whether a handler raised what is meant for the process: Interrupt, SystemExit.
      def ends_the_worker?(error)
        error.is_a?(SystemExit) || error.is_a?(SignalException)
      end

      # The outcome of an ordinary error.
      def failed(error, message = message_of(error))
        described = { "type" => error.class.name || error.class.to_s, "message" => message }
        described["code"] = error.code if error.is_a?(Error)
        { "kind" => "failed", "error" => described }
      end

      # What an error says, also where its message raises or is no text.
      def message_of(error)
        Arguments.text(error.message.to_s)
      rescue StandardError
        "(#{error.class} without a readable message)"
      end
    end
  end
end
