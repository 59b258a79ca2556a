# frozen_string_literal: true

module KnockerSqlite
  # The gem's version. The gem and the library that it carries come from one release.
  VERSION = "0.1.0"
end
