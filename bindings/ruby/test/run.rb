# frozen_string_literal: true

# Runs all tests, or those of the files and names that are given; the last line is "N passed, N failed".
#
#     ruby test/run.rb [file ...] [-n /name/]
require_relative "support/helper"
require "minitest"

# The last line, as scripts/test.py counts it.
class CountReporter < Minitest::StatisticsReporter
  def report
    super
    bad = failures + errors
    io.puts "#{count - bad - skips} passed, #{bad} failed"
    io.puts "#{skips} skipped" if skips.positive?
  end
end

module Minitest
  def self.plugin_count_init(options)
    reporter << CountReporter.new(options[:io], options)
  end
end

Minitest.extensions << "count"
files = ARGV.grep(/_test\.rb\z/)
ARGV.replace(ARGV - files)
files = Dir[File.join(__dir__, "*_test.rb")] if files.empty?
files.each { |file| require File.expand_path(file) }
exit(Minitest.run(ARGV) ? 0 : 1)
