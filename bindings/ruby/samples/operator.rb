# frozen_string_literal: true

# Look at an inbox and act on it.
#
#     ruby operator.rb app.db              # counts, and what needs attention
#     ruby operator.rb app.db show 7       # one event and its attempts
#     ruby operator.rb app.db requeue 7    # or replay, ignore

require "knocker"

def overview(inbox)
  stats = inbox.stats
  puts "deliveries #{stats.deliveries}, events #{stats.events}, refused #{stats.orphans}"
  puts "jobs: #{stats.jobs_ready} due, #{stats.jobs_later} later, #{stats.jobs_held} running"
  inbox.events(status: "dead").first(20).each do |event|
    puts "dead: #{event.id} #{event.endpoint} #{event.event_type}: #{event.last_error}"
  end
end

def show(inbox, event_id)
  event = inbox.get_event(event_id)
  puts "#{event.id} #{event.endpoint} #{event.event_type} #{event.status}, #{event.body.bytesize} bytes"
  inbox.list_attempts(event_id).each do |attempt|
    puts "  #{Time.at(attempt.attempted_at).utc} #{attempt.outcome} in #{attempt.duration_ms} ms #{attempt.error}"
  end
end

path, action, event_id = ARGV
abort File.read(__FILE__).lines[2..6].join if path.nil? || (action && !(%w[show requeue replay ignore].include?(action) && event_id))

begin
  KnockerSqlite.open(path) do |inbox|
    next overview(inbox) if action.nil?

    inbox.public_send(action, Integer(event_id)) unless action == "show"
    show(inbox, Integer(event_id))
  end
rescue KnockerSqlite::Error => error
  abort "#{error.code}: #{error.message}"
end
