# frozen_string_literal: true

# Bundler requires the gem by its name.
require_relative "knocker_sqlite"
