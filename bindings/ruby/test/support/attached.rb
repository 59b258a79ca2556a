# frozen_string_literal: true

require "sqlite3"

# What the tests of inboxes on connections of the sqlite3 gem share.
class AttachedCase < KnockerTest
  def setup
    @folder = Dir.mktmpdir("knocker")
    @path = File.join(@folder, "app.db")
    @databases = []
    @db = database
    @db.execute("PRAGMA journal_mode = WAL")
    @db.execute("CREATE TABLE orders (event INTEGER)")
  end

  def teardown
    @databases.reject(&:closed?).each(&:close)
    FileUtils.remove_entry(@folder)
  end

  private

  def database(path = @path)
    SQLite3::Database.new(path).tap { |db| @databases << db }
  end

  def attach(**options)
    KnockerSqlite.attach(@db, **options)
  end

  def count(table)
    @db.get_first_value("SELECT count(*) FROM #{table}")
  end

  def signal_of(source, *arguments)
    Process.wait2(spawn(*RUBY, "-e", source, *arguments)).last
  end
end
