# frozen_string_literal: true

require "pathname"

# Reads, actions and upkeep; the scenarios of the conformance suite have their rules.
class OperatingTest < KnockerTest
  # A Date knows its midnight in some time zone, and no second.
  DAY = Struct.new(:to_time)

  def setup
    @shop = add_shop
  end

  def test_enumerators_follow_the_cursor_and_read_no_more_than_is_asked_for
    25.times { |number| @shop.receive(body: body(number), headers: HEADERS) }
    assert_equal 25, inbox.events(limit: 10).map(&:id).to_a.uniq.length
    assert_equal [25, 24, 23], inbox.events(limit: 2).first(3).map(&:id)
    assert_equal 25, inbox.deliveries(endpoint: "shop", limit: 7).count
    assert_equal ["shop"], inbox.endpoints.map(&:name).to_a
    page = inbox.list_events(limit: 10)
    assert_equal 10, page.length
    assert_equal 15, inbox.events(limit: 10, cursor: page.cursor).to_a.length
    pages = 0
    inbox.define_singleton_method(:list_events) { |**fields| (pages += 1) && super(**fields) }
    inbox.events(limit: 5).first(6)
    assert_equal 2, pages
  end

  def test_lists_leave_bodies_out_unless_asked
    @shop.receive(body: body(1), headers: HEADERS)
    assert_nil inbox.list_events.first.body
    assert_raises(ArgumentError) { inbox.list_events.first.json }
    assert_equal "1", inbox.list_events(bodies: true).first.json["id"]
    refute_includes inbox.get_event(1).inspect, "order.created\\\""
  end

  def test_bulk_actions_tell_their_progress
    @shop.handle { |_, _| raise KnockerSqlite::Discard }
    450.times { |number| @shop.receive(body: body(number), headers: HEADERS) }
    drain(inbox)
    told = []
    assert_equal 450, inbox.requeue_events(filter: { status: "dead" }, dry_run: true).matched
    done = inbox.requeue_events(filter: { status: %w[dead], endpoint: "shop" }) { |matched, changed| told << [matched, changed] }
    assert_equal [450, 450, 0], [done.matched, done.changed, done.skipped]
    assert_operator told.length, :>, 1
    assert_equal [450, 450], told.last
    assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.ignore_events }
    assert_equal 450, inbox.ignore_events(filter: { all: true }).changed
  end

  def test_refused_deliveries_are_explained_accepted_and_checked_again
    refused = Array.new(3) { |number| @shop.receive(body: body(number), headers: { "x-knocker-token" => "guessed" }).delivery_id }
    explained = inbox.explain_delivery(refused[0], secrets: TOKEN)
    refute explained.valid
    assert_includes explained.steps.map { |step| step["name"] }, "signature"
    accepted = inbox.accept_delivery(refused[1], reason: "asked the sender")
    assert_equal [accepted.event_id], accepted.event_ids
    assert_equal "asked the sender", inbox.get_delivery(refused[1]).accepted_reason
    assert_equal 2, inbox.reverify(filter: { endpoint: "shop", reason: "bad_credentials" }, dry_run: true).matched
  end

  def test_times_are_moments_or_seconds
    @shop.receive(body: body(1), headers: HEADERS)
    now = Time.at(clock(inbox).now_s)
    assert_equal 1, inbox.list_events(since: now - 60, until: now + 1.5).length
    assert_equal 0, inbox.prune_events(older_than: now - (30 * 86_400)).events_pruned
    assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.prune_events(older_than: DAY.new) }
    assert_raises(KnockerSqlite::InvalidArgumentError) { inbox.prune_events(older_than: now) }
    inbox.ignore(1)
    assert_equal 1, inbox.prune_events(older_than: now + 1, force: true).events_pruned
    assert_equal ["events"], inbox.prune_audits.map(&:kind).to_a.uniq
  end

  def test_retention_runs_by_itself_or_pass_by_pass
    @shop.handle { |_, _| nil }
    @shop.receive(body: body(1), headers: HEADERS)
    drain(inbox)
    clock(inbox).advance(31 * 86_400)
    pass = inbox.run_retention_pass
    assert_equal [1, false], [pass.events_pruned, pass.more?]
    inbox.run_retention(policy: { handled_s: 9 * 86_400 })
    eventually { inbox.retention_state.running }
    assert inbox.stop_retention.stopped
  end

  def test_hooks_tell_what_happens
    inbox.watch_hooks(limit: 100)
    @shop.receive(body: body(1), headers: HEADERS)
    told = eventually { inbox.poll_hooks.then { |hooks| hooks unless hooks.empty? } }
    assert_includes told.map(&:kind), "received"
    assert_equal 0, told.dropped
    assert(told.all? { |hook| hook.count.is_a?(Integer) })
  end

  def test_a_backup_is_a_whole_inbox
    @shop.receive(body: body(1), headers: HEADERS)
    copy = Pathname(File.join(Dir.mktmpdir, "copy.db"))
    assert_nil inbox.backup(copy)
    KnockerSqlite.open(copy) { |opened| assert_equal 1, opened.stats.deliveries }
    assert_empty inbox.check.integrity
  end

  def test_errors_carry_what_a_route_and_a_program_need
    error = assert_raises(KnockerSqlite::NotFoundError) { inbox.get_event(999) }
    assert_kind_of KnockerSqlite::Error, error
    assert_equal ["not_found", 404, false, {}], [error.code, error.http_status, error.retryable?, error.details]
    refute_empty error.message
    assert_equal KnockerSqlite::BusyError::MESSAGE, KnockerSqlite::BusyError.new.message
  end

  def test_test_helpers_without_a_test
    ran = KnockerSqlite::Testing.temporary_inbox do |opened|
      opened.add_endpoint("stripe", provider: "stripe", secrets: "whsec_test")
      opened.register_handler("stripe") { |_, _| nil }
      KnockerSqlite::Testing.clock(opened).advance(86_400)
      result = KnockerSqlite::Testing.deliver(opened, "stripe", provider: "stripe", secret: "whsec_test", body: '{"id":"evt_1"}')
      assert_equal [200, "evt_1"], [result.status_code.clamp(200, 200), opened.get_event(result.event_id).dedupe_key]
      KnockerSqlite::Testing.drain(opened)
    end
    assert_equal ["handled"], ran.map(&:status)
    env = sign(provider: "github", secret: "s", body: "{}", event_type: "push").to_env
    assert_equal "push", env["HTTP_X_GITHUB_EVENT"]
    assert_equal "application/json", env["CONTENT_TYPE"]
  end

  def test_providers_are_listed
    stripe = KnockerSqlite.providers.find { |provider| provider.name == "stripe" }
    assert stripe.needs_secret
  end
end
