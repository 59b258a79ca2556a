# frozen_string_literal: true

require_relative "support/server"

# Real routes in a real Puma, asked over real HTTP.
class WebTest < KnockerTest
  APPS = File.join(__dir__, "apps")
  JSON_HEADERS = { "X-Knocker-Token" => "t" }.freeze

  def test_a_sinatra_route_takes_what_a_route_takes
    server("sinatra.ru") do |puma|
      assert_equal "204", puma.post("/webhooks/shop?a=1", "\xff{}".b, JSON_HEADERS).code
      assert_equal "401", puma.post("/webhooks/shop", "{}", "X-Knocker-Token" => "guessed").code
      assert_equal "404", puma.post("/webhooks/nobody", "{}", JSON_HEADERS).code
      events(puma) do |found|
        assert_equal ["\xff{}".b], found.map(&:body)
        assert_equal "1", found.first.query["a"]
      end
    end
  end

  def test_forms_reach_sinatra_and_rails_byte_for_byte
    form = "command=%2Fweather&text=94070+caf%C3%A9&user_name=Steve&token=xyz"
    [["sinatra.ru", "/webhooks/slack"], ["rails.ru", "/webhooks/slack"], ["rails.ru", "/streamed/slack"]].each do |app, path|
      server(app) do |puma|
        assert_equal "200", post_signed(puma, path, "slack", form).code, "#{app} #{path}"
        assert_equal "401", post_signed(puma, path, "slack", form, secret: "guessed").code
        events(puma) { |found| assert_equal [form], found.map(&:body) }
      end
    end
  end

  def test_twilio_signs_the_public_url_and_the_forms_fields
    server("sinatra.ru") do |puma|
      form = "MessageSid=SM1&Body=h%C3%A9llo&From=%2B1555"
      assert_includes %w[200 204], post_signed(puma, "/webhooks/twilio", "twilio", form, url: "https://shop.example/webhooks/twilio").code
      assert_equal "401", post_signed(puma, "/webhooks/twilio", "twilio", form, url: "https://other.example/").code
    end
  end

  def test_a_body_that_was_parsed_or_eaten_before_is_told
    server("sinatra.ru") do |puma|
      %w[/parsed/shop /eaten/shop].each do |path|
        response = puma.post(path, '{"id":1}', JSON_HEADERS)
        assert_equal %w[500 body_consumed], [response.code, response["x-code"]], path
      end
    end
    server("rails.ru") { |puma| assert_equal "body_consumed", puma.post("/parsed/shop", '{"id":1}', JSON_HEADERS)["x-code"] }
  end

  def test_a_header_that_is_not_utf8_is_no_500
    %w[sinatra.ru rails.ru].each do |app|
      server(app) do |puma|
        head = "POST /webhooks/shop HTTP/1.1\r\nHost: x\r\nX-Knocker-Token: t\r\nX-Name: caf\xe9\r\n".b
        assert_equal 204, puma.raw("#{head}Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".b), app
        events(puma) { |found| assert_equal "café", found.first.headers["x-name"] }
      end
    end
  end

  def test_pumas_threads_receive_at_once
    server("sinatra.ru") do |puma|
      threads = Array.new(32) { |slot| Thread.new { Array.new(5) { puma.post("/webhooks/shop", slot.to_s, JSON_HEADERS).code } } }
      assert_equal({ "204" => 160 }, threads.flat_map(&:value).tally)
      events(puma) { |found| assert_equal 160, found.length }
    end
  end

  def test_a_rails_application_receives_reloads_and_works
    server("rails.ru") do |puma|
      assert_equal "204", puma.post("/webhooks/shop?a=1", '{"id":1}', JSON_HEADERS).code
      3.times { puma.post("/reload") }
      version = Integer(puma.post("/reload").body)
      assert_operator version, :>=, 4
      assert_equal "handled", puma.post("/work").body
      assert_equal "1|#{version}", shell(puma.path, "SELECT * FROM handled")
      events(puma) do |found|
        assert_equal(["1"], found.map { |event| event.query["a"] })
        refute_includes found.first.headers.to_s, "never to be stored"
      end
    end
  end

  def test_each_process_of_a_cluster_opens_its_own_inbox
    server("cluster.ru", "-C", File.join(APPS, "cluster.rb")) do |puma|
      processes = eventually do
        answers = Array.new(40) { Thread.new { puma.post("/", "{}", JSON_HEADERS) } }.map(&:value)
        assert_equal ["204"], answers.map(&:code).uniq, answers.map(&:body).uniq.join
        (@processes = (@processes || []) | answers.map { |answer| answer["x-process"] }).length == 2
      end
      assert processes
      # The workers' own threads handle what either process has received.
      eventually { KnockerSqlite.open(puma.path) { |opened| opened.stats.events.keys == ["handled"] } }
      status = puma.stop
      assert_includes [0, 15], status.exitstatus || status.termsig
      assert_empty(KnockerSqlite.open(puma.path, &:list_running))
    end
  end

  def test_an_inbox_that_preload_app_has_opened_is_told_and_hangs_nothing
    server("cluster.ru", "-C", File.join(APPS, "cluster.rb"), OPEN: "early") do |puma|
      answer = puma.post("/", "{}", JSON_HEADERS)
      assert_equal "500", answer.code
      assert_includes answer.body, "forked: "
      assert_includes answer.body, "before_worker_boot"
    end
  end

  private

  def server(app, *arguments, **environment, &block)
    Server.open(File.join(APPS, app), *arguments, **environment, &block)
  end

  def post_signed(puma, path, provider, form, secret: "#{provider} secret", **more)
    signed = sign(provider: provider, secret: secret, body: form, **more)
    puma.post(path, signed.body, signed.headers.merge("Content-Type" => "application/x-www-form-urlencoded"))
  end

  def events(puma)
    KnockerSqlite.open(puma.path, **PATIENT) { |opened| yield opened.events(bodies: true).to_a }
  end
end
