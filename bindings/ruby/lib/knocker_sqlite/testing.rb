# frozen_string_literal: true

require "tmpdir"
require_relative "../knocker_sqlite"

module KnockerSqlite
  # Helpers for an application's tests: real inboxes in temporary files, signed requests, and time that is set. Include it into a
  # Minitest class, or call its methods as +KnockerSqlite::Testing.sign(...)+.
  #
  #     class InvoicesTest < Minitest::Test
  #       include KnockerSqlite::Testing
  #
  #       def test_a_paid_invoice_is_noted
  #         inbox = temporary_inbox
  #         inbox.add_endpoint("orders", provider: "stripe", secrets: "whsec_test")
  #         inbox.register_handler("orders", event_type: "invoice.paid", &Invoices.method(:paid))
  #         deliver(inbox, "orders", provider: "stripe", secret: "whsec_test", body: '{"id":"evt_1","type":"invoice.paid"}')
  #         assert_equal ["handled"], drain(inbox).map(&:status)
  #       end
  #     end
  module Testing
    # The time of an inbox, which stands still until it is moved.
    class Clock
      # @return [Integer] Unix seconds
      attr_reader :now_s

      # @api private
      def initialize(inbox, now_s)
        @inbox = inbox
        @now_s = now_s
      end

      # Go on by some seconds.
      # @return [Integer] the time then
      def advance(seconds)
        set(@now_s + seconds)
      end

      # Set the time.
      # @param now_s [Integer] Unix seconds
      # @return [Integer] the time then
      def set(now_s)
        @now_s = @inbox.set_clock(now_s).now_s
      end
    end

    # Open an inbox in a temporary folder. With a block it is closed, and the folder removed, when the block ends; without one, when
    # the Minitest test ends.
    # @param now_s [Integer] the time of its clock, in Unix seconds. Defaults to this second.
    # @param options as for {KnockerSqlite.open}
    # @yieldparam inbox [Inbox]
    # @return [Inbox, Object] what the block answered, where there is one
    def temporary_inbox(now_s: Time.now.to_i, **options)
      folder = Dir.mktmpdir("knocker")
      inbox = KnockerSqlite.open(File.join(folder, "inbox.db"), clock: { now_s: now_s }, **options)
      inbox.instance_variable_set(:@testing_clock, Clock.new(inbox, now_s))
      knocker_cleanups << -> { Testing.remove(inbox, folder) }
      return inbox unless block_given?

      begin
        yield inbox
      ensure
        knocker_cleanups.pop.call
      end
    end

    # The clock of an inbox that {#temporary_inbox} has opened.
    # @return [Clock]
    def clock(inbox)
      inbox.instance_variable_get(:@testing_clock) || raise(ArgumentError, "only temporary_inbox gives an inbox a clock")
    end

    # Make a request as a provider would send it. See {KnockerSqlite.sign}.
    # @return [SignedRequest]
    def sign(**arguments)
      KnockerSqlite.sign(**arguments)
    end

    # Sign a request, at the time of the inbox's clock, and let an endpoint receive it.
    # @param arguments as for {KnockerSqlite.sign}
    # @return [Result]
    def deliver(inbox, endpoint, **arguments)
      now_s = inbox.instance_variable_get(:@testing_clock)&.now_s
      signed = KnockerSqlite.sign(**{ at: now_s }.compact, **arguments)
      inbox.receive(endpoint: endpoint, method: signed["method"], headers: signed.headers, query: signed.query, body: signed.body)
    end

    # Handle all that is due now, also what becomes due by that.
    # @param options as for {Inbox#run_worker}
    # @return [Array<Finished>] what became of each run
    def drain(inbox, **options)
      finished = []
      loop do
        ran = inbox.run_worker_once(**options)
        return finished if ran.empty?

        finished.concat(ran)
      end
    end

    # Minitest calls it.
    # @api private
    def after_teardown
      super
    ensure
      knocker_cleanups.pop.call until knocker_cleanups.empty?
    end

    class << self
      # @api private
      def remove(inbox, folder)
        inbox.close
        FileUtils.remove_entry(folder)
      end
    end

    private

    def knocker_cleanups
      @knocker_cleanups ||= []
    end

    extend self
  end
end
