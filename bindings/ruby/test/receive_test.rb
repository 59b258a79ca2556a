# frozen_string_literal: true

require "stringio"

# What a route hands over, and what it gets back.
class ReceiveTest < KnockerTest
  def test_a_result_answers_by_key_and_by_method
    result = add_shop.receive(body: body(1), headers: HEADERS)
    assert_equal [204, 204], [result["status_code"], result.status_code]
    assert_equal [result["event_id"]], result.event_ids
    refute_predicate result, :duplicate?
    assert_equal [204, {}, []], result.response.to_rack
    assert_predicate inbox.receive(endpoint: "shop", body: body(1), headers: HEADERS), :duplicate?
    assert_raises(NoMethodError) { result.statuscode }
  end

  def test_bodies_are_kept_byte_for_byte
    add_shop
    ["\x00\xff\xfe\n".b, "é", "", "x" * 70_000, (0..255).map(&:chr).join.b].each do |bytes|
      event = inbox.get_event(inbox.receive(endpoint: "shop", body: bytes, headers: HEADERS).event_id)
      assert_equal bytes.b, event["body_blob"]
      assert_equal Encoding::BINARY, event.body.encoding
    end
  end

  def test_a_reader_is_read_from_its_start
    add_shop
    reader = StringIO.new(body(7))
    reader.read
    assert_equal "7", inbox.get_event(inbox.receive(endpoint: "shop", body: reader, headers: HEADERS).event_id).json["id"]
  end

  def test_a_parsed_body_is_refused
    add_shop
    [{ "id" => 1 }, [1], 7].each do |parsed|
      error = assert_raises(KnockerSqlite::BodyConsumedError) { inbox.receive(endpoint: "shop", body: parsed, headers: HEADERS) }
      assert_equal ["body_consumed", 500], [error.code, error.http_status]
    end
    emptied = HEADERS.merge("Content-Length" => "12")
    assert_raises(KnockerSqlite::BodyConsumedError) { inbox.receive(endpoint: "shop", body: "", headers: emptied) }
  end

  def test_racks_environment_is_understood_whole_or_in_slices
    add_shop
    env = { "HTTP_X_KNOCKER_TOKEN" => TOKEN, "CONTENT_TYPE" => "application/json", "REQUEST_METHOD" => "POST", "rack.input" => StringIO.new,
            "action_dispatch.secret_key_base" => "must not be stored", "rack.errors" => $stderr }
    slice = env.select { |name, _| name.start_with?("HTTP_") }
    holder = Struct.new(:env).new(env)
    [env, slice, holder].each_with_index do |headers, number|
      result = inbox.receive(endpoint: "shop", body: body(number), headers: headers)
      assert_equal 204, result.status_code
      refute_includes inbox.get_event(result.event_id).headers.to_s, "secret_key_base"
    end
    assert_equal "application/json", inbox.get_event(1).headers["content-type"]
  end

  def test_odd_headers_and_parameters_are_no_error
    add_shop
    headers = { "x-knocker-token" => TOKEN, "x-latin" => "caf\xe9".b, :x_symbol => :value, "x-broken" => "\xff", "x-nil" => nil,
                "x-wide" => "é".encode(Encoding::UTF_16LE), "x-shift" => "日本".encode(Encoding::SHIFT_JIS), "x-list" => %w[a b] }
    query = { "upload" => { tempfile: Object.new, filename: "a.txt" }, "nested" => { "a" => [1, { "b" => nil }] }, "t" => Time.now }
    event = inbox.get_event(inbox.receive(endpoint: "shop", body: body(1), headers: headers, query: query).event_id)
    assert_equal "café", event.headers["x-latin"]
    assert_equal "é", event.headers["x-wide"]
    assert_equal "日本", event.headers["x-shift"]
    assert_equal "ÿ", event.headers["x-broken"]
    assert_equal %w[a b], event.headers["x-list"]
  end

  def test_what_was_recorded_of_official_libraries_is_judged_alike
    %w[twilio slack].each do |provider|
      cases = JSON.parse(File.read(File.join(ROOT, "conformance", "fixtures", provider, "#{form_case(provider)}.json")))
      cases.each_with_index do |item, number|
        request = item["request"]
        clock(inbox).set(request["now_s"])
        options = { secrets: request["secrets"], provider_options: request["provider_options"] }
        inbox.add_endpoint("#{provider}-#{number}", provider: provider, **options)
        result = inbox.receive(endpoint: "#{provider}-#{number}", body: raw(request), headers: request["headers"], query: request["query"])
        assert_equal item["expected"]["signature_valid"], result.status_code != 401, "#{provider} #{number}: #{result.reason}"
      end
    end
  end

  def test_a_misspelt_option_is_named
    error = assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.add_endpoint("shop", provder: "stripe") }
    assert_equal({ "field" => "provder", "suggestion" => "provider" }, error.details)
  end

  def test_a_missing_secret_is_named
    error = assert_raises(KnockerSqlite::InvalidSecretError) { inbox.add_endpoint("shop", provider: "stripe", secrets: [nil]) }
    assert_includes error.message, "shop"
    assert_raises(KnockerSqlite::InvalidSecretError) { inbox.add_endpoint("shop", provider: "stripe", secrets: nil) }
  end

  def test_arguments_without_a_json_form_are_refused
    itself = {}
    itself["itself"] = itself
    [{ provider_options: { event_id_path: Object.new } }, { provider_options: itself }].each do |options|
      error = assert_raises(KnockerSqlite::InvalidArgumentError, SystemStackError) { inbox.add_endpoint("shop", **options) }
      assert_kind_of KnockerSqlite::InvalidArgumentError, error
    end
  end

  def test_fibers_and_enumerators_may_call
    shop = add_shop
    statuses = Enumerator.new { |found| 3.times { |number| found << shop.receive(body: body(number), headers: HEADERS).status_code } }
    assert_equal [204, 204, 204], [statuses.next, statuses.next, statuses.next]
    assert_equal 3, Fiber.new { inbox.list_events.length }.resume
    inside = Fiber.new { Fiber.new { inbox.stats.deliveries }.resume }
    assert_equal 3, inside.resume
  end

  def test_threads_share_commits_and_get_each_their_own_answer
    shop = add_shop
    threads = Array.new(16) do |slot|
      Thread.new { Array.new(20) { |number| shop.receive(body: body("#{slot}-#{number}"), headers: HEADERS).event_id } }
    end
    ids = threads.flat_map(&:value)
    assert_equal 320, ids.uniq.length
    assert_operator inbox.stats.process["commits"], :<, 320
  end

  def test_a_body_that_another_thread_changes_meanwhile_is_harmless
    shop = add_shop
    shared = +"{}"
    changing = Thread.new { 2_000.times { |number| shared.replace("x" * (number % 5_000)) } }
    200.times { assert_equal 204, shop.receive(body: shared, headers: HEADERS).status_code }
    changing.join
  end

  def test_a_timeout_around_a_call_loses_nothing
    shop = add_shop
    begin
      Timeout.timeout(0.05) { loop { shop.receive(body: "{}", headers: HEADERS) } }
    rescue Timeout::Error
      nil
    end
    assert_equal inbox.stats.deliveries, inbox.deliveries.to_a.length
  end

  private

  def form_case(provider)
    files = Dir[File.join(ROOT, "conformance", "fixtures", provider, "*.json")]
    files.find { |file| JSON.parse(File.read(file)).any? { |item| form?(item["request"]) } }.then { |file| File.basename(file, ".json") }
  end

  def form?(request)
    (request["headers"] || {}).any? { |name, value| name.casecmp?("content-type") && value.to_s.include?("form-urlencoded") }
  end

  def raw(request)
    request["body_base64"] ? request["body_base64"].unpack1("m") : request["body"].to_s
  end
end
