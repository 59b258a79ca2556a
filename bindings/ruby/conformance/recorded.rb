# frozen_string_literal: true

require "securerandom"

require_relative "binding"

# Runs the recorded requests and the sequences: see conformance/README.md.
class Recorded
  # Between neighbouring reasons a case and a verdict may differ.
  PRESENT = %w[signature_mismatch malformed_header bad_credentials missing_signature malformed_body unknown_key unknown_topic].freeze
  ABSENT = %w[missing_header missing_signature missing_timestamp].freeze

  def initialize(inbox)
    @inbox = inbox
    @count = 0
  end

  # Run a case or a sequence; answers the differences.
  def run(provider, item)
    @name = "case-#{@count += 1}"
    @provider = provider
    @differences = []
    item.key?("requests") ? run_sequence(item) : run_case(item)
    @differences
  rescue KnockerSqlite::Error => error
    ["#{error.code}: #{error.message}"]
  end

  private

  def run_sequence(item)
    add_endpoint(item["requests"].first, valid: true)
    results = item["requests"].map { |request| receive(request) }
    equal("status codes", [], results.map(&:status_code).uniq - [200, 202, 204])
    equal("deliveries", item["expected"]["deliveries"], results.map(&:delivery_id).uniq.length)
    equal("events", item["expected"]["events"], results.flat_map(&:event_ids).uniq.length)
  end

  def run_case(item)
    expected = item["expected"]
    add_endpoint(item["request"], valid: expected["signature_valid"])
    result = receive(item["request"])
    handshake = expected["handshake"]
    check_validity(expected, result)
    check_handshake(handshake, result) if handshake
    check_events(expected, result) if expected["signature_valid"] && (!handshake || result.event_id)
    check_response("response", expected["response"], result) if expected["response"]
    check_reason(expected["reject_reason"], result.reason) if expected["reject_reason"]
  end

  # A case may show that an empty secret never matches. The inbox refuses such an endpoint, so there a secret that nobody knows
  # takes its place.
  def add_endpoint(request, valid:)
    @inbox.set_clock(request["now_s"])
    options = { provider: @provider, provider_options: request["provider_options"] || {} }
    secrets = request["secrets"]
    options[:secrets] = secrets unless secrets.nil? || secrets.empty?
    @inbox.add_endpoint(@name, **options)
  rescue KnockerSqlite::InvalidSecretError
    raise if valid

    @inbox.add_endpoint(@name, **options, secrets: SecureRandom.hex(32))
  end

  def receive(request)
    @inbox.set_clock(request["now_s"])
    body = request["body_base64"] ? request["body_base64"].unpack1("m") : (request["body"] || "")
    @inbox.receive(endpoint: @name, body: body, headers: request["headers"], query: request["query"], method: request["method"])
  end

  def check_validity(expected, result)
    return if expected["handshake"] && result.delivery_id.nil?

    delivery = @inbox.get_delivery(result.delivery_id)
    equal("signature_valid", expected["signature_valid"], delivery.signature_valid) unless expected["handshake"]
    return if expected["signature_valid"] || expected["handshake"]

    equal("status_code", 401, result.status_code)
    equal("event_ids", [], result.event_ids)
    equal("kind", "rejected", delivery.kind)
  end

  def check_handshake(handshake, result)
    check_response("handshake", handshake, result)
    stored = handshake["store_as_event"]
    equal("handshake.store_as_event", stored, !result.event_id.nil?) unless stored.nil?
  end

  def check_events(expected, result)
    items = expected["events"] || [expected]
    equal("number of events", items.length, result.event_ids.length)
    items.zip(result.event_ids).each_with_index do |(item, event_id), index|
      event = @inbox.get_event(event_id)
      equal("events[#{index}].event_type", item["event_type"], event.event_type)
      equal("events[#{index}].dedupe_identity", item["dedupe_identity"], event.dedupe_key)
    end
  end

  def check_response(what, want, result)
    response = result.response
    equal("#{what}.status", want["status"], response.status_code) if want["status"]
    equal("#{what}.body", want["body"], response.body || "") if want["body"]
    lower = response.headers.transform_keys(&:downcase)
    (want["headers"] || {}).each { |name, value| equal("#{what}.headers.#{name}", value, lower[name.downcase]) }
  end

  def check_reason(want, got)
    name = %w[timestamp_too_old timestamp_too_new].include?(got) ? "timestamp_out_of_tolerance" : got
    return if [got, name].include?(want) || [PRESENT, ABSENT].any? { |group| ([want, name] - group).empty? }

    equal("reject_reason", want, name)
  end

  def equal(what, want, got)
    @differences << "#{what}: expected #{want.inspect}, got #{got.inspect}" unless want == got
  end
end
