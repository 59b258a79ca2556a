# Ruby's sqlite3 gem and Knocker's SQLite in one process, in both orders.
require "fiddle"
require "json"

order, library, path = ARGV

def knocker(library)
  loaded = Fiddle.dlopen(library)
  Fiddle::Function.new(loaded["knocker_open_json"], [Fiddle::TYPE_VOIDP, Fiddle::TYPE_SIZE_T], Fiddle::TYPE_VOIDP)
end

def opened(open_json, path)
  request = JSON.generate(path: path)
  JSON.parse(open_json.call(request, request.bytesize).to_s)["ok"]["sqlite_version"]
end

if order == "knocker-first"
  embedded = opened(knocker(library), path)
  require "sqlite3"
else
  require "sqlite3"
  SQLite3::Database.new(path).execute("SELECT 1")
  embedded = opened(knocker(library), path)
end

host = SQLite3::Database.new(path)
own = host.get_first_value("SELECT sqlite_version()")
built = SQLite3::SQLITE_VERSION # the headers that the gem was built with
raise "#{own} is not #{built}" unless own.split(".")[0, 2] == built.split(".")[0, 2]
raise "both run on #{own}" if own == embedded

host.execute("CREATE TABLE host(n)")
raise "no inbox" unless host.get_first_value("SELECT count(*) FROM knocker_events").zero?
raise "integrity" unless host.get_first_value("PRAGMA integrity_check") == "ok"

puts "symbols: Ruby, #{order}: host #{own}, Knocker #{embedded}"
