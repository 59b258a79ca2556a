# frozen_string_literal: true

require_relative "support/server"

# The samples, run as a user runs them.
class SamplesTest < KnockerTest
  SAMPLES = File.join(PACKAGE, "samples")
  SECRET = "whsec_c2FtcGxl"

  def setup
    @path = File.join(Dir.mktmpdir, "app.db")
  end

  def test_the_route_takes_what_stripe_signs
    Server.open(File.join(SAMPLES, "receive.ru"), STRIPE_WEBHOOK_SECRET: SECRET) do |puma|
      assert_equal %w[204 204], Array.new(2) { post(puma, stripe("evt_1")).code.sub("200", "204") }
      assert_equal "401", post(puma, stripe("evt_2", "whsec_guessed")).code
      assert_equal "401", puma.send(Net::HTTP::Head.new("/webhooks/orders")).code
      KnockerSqlite.open(puma.path) do |opened|
        assert_equal ["evt_1"], opened.events.map(&:provider_event_id).to_a
        assert_equal 2, opened.deliveries(orphaned: false).count
      end
    end
  end

  def test_the_worker_is_a_process_that_stops_on_signals
    %w[TERM INT].each_with_index do |signal, number|
      receive("evt_#{number}")
      pid = Process.spawn(environment, *RUBY, File.join(SAMPLES, "worker.rb"), err: File::NULL)
      eventually { KnockerSqlite.open(@path) { |opened| opened.stats.events == { "handled" => number + 1 } } }
      Process.kill(signal, pid)
      assert_equal 0, Timeout.timeout(60) { Process.wait2(pid).last.exitstatus }
    end
    assert_equal "evt_0|in_1|4200\nevt_1|in_1|4200", shell(@path, "SELECT event, invoice, cents FROM payments ORDER BY event")
  end

  def test_the_operators_program
    receive("evt_1")
    assert_includes operate, "deliveries 1"
    assert_includes operate("show", "1"), "invoice.paid received"
    assert_includes operate("ignore", "1"), "ignored"
    assert_includes operate("requeue", "1"), "received"
    output, status = Open3.capture2e(environment, *RUBY, File.join(SAMPLES, "operator.rb"), @path, "show", "99")
    assert_equal ["not_found", 1], [output[/\w+/], status.exitstatus]
  end

  private

  def environment
    { "DATABASE" => @path, "STRIPE_WEBHOOK_SECRET" => SECRET }
  end

  def stripe(id, secret = SECRET)
    object = { id: id, object: "event", type: "invoice.paid", data: { object: { id: "in_1", amount_paid: 4200 } } }
    sign(provider: "stripe", secret: secret, body: JSON.generate(object))
  end

  def post(puma, signed)
    puma.post("/webhooks/orders", signed.body, signed.headers)
  end

  def receive(id)
    signed = stripe(id)
    KnockerSqlite.open(@path) do |opened|
      orders = opened.add_endpoint("orders", provider: "stripe", secrets: SECRET, unhandled: "ignore")
      assert_includes [200, 204], orders.receive(body: signed.body, headers: signed.headers).status_code
    end
  end

  def operate(*arguments)
    output, status = Open3.capture2e(environment, *RUBY, File.join(SAMPLES, "operator.rb"), @path, *arguments)
    assert_predicate status, :success?, output
    output
  end
end
