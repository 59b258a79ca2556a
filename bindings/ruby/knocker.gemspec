# frozen_string_literal: true

require_relative "lib/knocker_sqlite/version"

Gem::Specification.new do |spec|
  spec.name = "knocker"
  spec.version = KnockerSqlite::VERSION
  spec.summary = "A durable inbox for webhooks, in one SQLite file: verify, store, answer, process later."
  spec.description = "Verifies a webhook's signature, stores the receipt, folds the sender's retries into one event and says what to " \
                     "answer. A worker runs the handlers later, in a transaction that commits their rows together with \"handled\"."
  spec.authors = ["The Knocker project"]
  spec.homepage = "https://github.com/knocker-dev/knocker"
  spec.license = "Apache-2.0"
  spec.metadata = { "source_code_uri" => "https://github.com/knocker-dev/knocker/tree/main/bindings/ruby",
                    "changelog_uri" => "https://github.com/knocker-dev/knocker/blob/main/CHANGELOG.md",
                    "rubygems_mfa_required" => "true" }
  # A gem for a platform carries the library, as lib/knocker_sqlite/libknocker.so.
  spec.platform = Gem::Platform.local unless Dir.glob("lib/knocker_sqlite/libknocker.*", base: __dir__).empty?
  spec.files = Dir.chdir(__dir__) { Dir["lib/**/*.{rb,so,dylib,dll}", "sig/*.rbs", "README.md", ".yardopts"] }
  spec.required_ruby_version = ">= 3.0"
  spec.add_dependency "ffi", "~> 1.15"
end
