# frozen_string_literal: true

# Runs all tests, or those of the files and names that are given; the last line is "N passed, N failed". A run of all leaves its report in
# build/tests/ruby.txt, by which BINDINGS.md says what is proven.
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

# Each test's name, and whether it has passed.
class ReportReporter < Minitest::AbstractReporter
  FILE = File.join(ROOT, "build", "tests", "ruby.txt")

  def initialize
    super
    @lines = []
  end

  def record(result)
    @lines << "#{result.passed? ? "passed" : "failed"} #{result.name}"
  end

  def report
    FileUtils.mkdir_p(File.dirname(FILE))
    File.write(FILE, "#{@lines.sort.join("\n")}\n")
  end
end

module Minitest
  def self.plugin_count_init(options)
    reporter << CountReporter.new(options[:io], options)
    reporter << ReportReporter.new if ALL_TESTS
  end
end

Minitest.extensions << "count"
ALL_TESTS = ARGV.empty?
files = ARGV.grep(/_test\.rb\z/)
ARGV.replace(ARGV - files)
files = Dir[File.join(__dir__, "*_test.rb")] if files.empty?
files.each { |file| require File.expand_path(file) }
exit(Minitest.run(ARGV) ? 0 : 1)
