# frozen_string_literal: true

module KnockerSqlite
  # Something that the inbox could not do. There is one subclass for each code of the closed list in docs/errors.md,
  # so that both +rescue KnockerSqlite::BusyError+ and a look at {#code} work.
  #
  # A route maps every error in one line, because the status is chosen for senders:
  #
  #     rescue KnockerSqlite::Error => error
  #       status error.http_status
  class Error < StandardError
    # What a subclass stands for; the base stands for codes of a newer library.
    CODE = "internal"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The library answered with an error."

    # @return [String] a stable name from the closed list, such as "busy"
    attr_reader :code
    # @return [Integer] what a webhook route answers its sender with
    attr_reader :http_status
    # @return [Boolean] whether the same call can succeed later without a change
    attr_reader :retryable
    # @return [Hash{String => Object}] what a program may want to read, such as "suggestion"; often empty
    attr_reader :details

    alias retryable? retryable

    # @param message [String, nil] a sentence for people, which never holds a secret. Defaults to the code's own.
    def initialize(message = nil, code: self.class::CODE, http_status: self.class::HTTP_STATUS,
                   retryable: self.class::RETRYABLE, details: nil)
      super(message || self.class::MESSAGE)
      @code = code
      @http_status = http_status
      @retryable = retryable
      @details = details || {}
    end

    # The subclass of each code.
    # @return [Hash{String => Class}]
    def self.by_code
      @by_code ||= subclasses_by_code.freeze
    end

    # The error of a library's reply.
    # @api private
    def self.from_reply(reply)
      code = reply["code"] || CODE
      by_code.fetch(code, Error).new(
        message_of(code, reply["message"]),
        code: code, http_status: reply.fetch("http_status", HTTP_STATUS),
        retryable: reply.fetch("retryable", RETRYABLE), details: reply["details"]
      )
    end

    # A reply for a code of which only the message came.
    # @api private
    def self.describe(code, message)
      kind = by_code.fetch(code, Error)
      { "code" => code, "message" => message, "http_status" => kind::HTTP_STATUS, "retryable" => kind::RETRYABLE }
    end

    # Where Ruby's servers say that a process has just been forked.
    FORK_HOOKS = "In Puma's cluster mode open it in before_worker_boot (named on_worker_boot before Puma 7); with Solid Queue in " \
                 "SolidQueue.on_worker_start; with Resque in Resque.after_fork and never in the parent. Nothing of the parent, " \
                 "such as an initializer under preload_app!, may open an inbox before."

    class << self
      private

      def message_of(code, message)
        code == "forked" ? "#{message} #{FORK_HOOKS}" : message
      end

      def subclasses_by_code
        kinds = KnockerSqlite.constants.map { |name| KnockerSqlite.const_get(name) }
        kinds.select { |kind| kind.is_a?(Class) && kind < Error }.to_h { |kind| [kind::CODE, kind] }
      end
    end
  end
end
