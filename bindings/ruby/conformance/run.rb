# frozen_string_literal: true

require "json"
require "optparse"
require "tmpdir"

require_relative "recorded"
require_relative "scenario"

# The conformance runner of the Ruby binding: see conformance/README.md.
#
#     ruby bindings/ruby/conformance/run.rb [--results FILE] [--only TEXT] [--verbose]
class Run
  SUITE = File.expand_path("../../../conformance", __dir__)

  def initialize(arguments)
    @only = ""
    OptionParser.new do |options|
      options.on("--results FILE") { |file| @file = file }
      options.on("--only TEXT") { |text| @only = text }
      options.on("--verbose") { @verbose = true }
    end.parse!(arguments)
    @results = []
  end

  # Run all; answers whether all passed.
  def run
    recorded
    scenarios
    failed = @results.count { |result| result["status"] != "passed" }
    File.write(@file, JSON.pretty_generate("binding" => "ruby", "results" => @results)) if @file
    puts "#{@results.length - failed} passed, #{failed} failed"
    failed.zero? && !@results.empty?
  end

  private

  def recorded
    Dir.mktmpdir do |folder|
      KnockerSqlite.open(File.join(folder, "inbox.db"), clock: { now_s: 1 }) do |inbox|
        recorded = Recorded.new(inbox)
        each_item("fixtures/*/*.json") do |file, index, item|
          provider = File.basename(File.dirname(file))
          took("fixtures/#{provider}/#{File.basename(file, ".json")}##{index}") { recorded.run(provider, item) }
        end
        each_item("sequences/*.json") do |file, index, item|
          provider = File.basename(file, ".json")
          took("sequences/#{provider}##{index}") { recorded.run(provider, item) }
        end
      end
    end
  end

  def scenarios
    each_item("scenarios/*.json") do |file, _, item|
      area = File.basename(file, ".json")
      next if area == "coverage" || item.fetch("except", {}).key?("ruby")

      took("scenarios/#{area}/#{item["name"]}") do
        Dir.mktmpdir { |folder| Scenario.new(folder, @verbose).run(item["steps"]) }
      end
    end
  end

  def each_item(pattern)
    Dir[File.join(SUITE, pattern)].each do |file|
      document = JSON.parse(File.read(file, encoding: Encoding::UTF_8))
      (document.is_a?(Array) ? document : [document]).each_with_index { |item, index| yield file, index, item }
    end
  end

  def took(name)
    return unless name.include?(@only)

    puts "--- #{name}" if @verbose
    differences = yield
    if differences.empty?
      @results << { "id" => name, "status" => "passed" }
    else
      puts "FAIL #{name}: #{differences.join("; ")}"
      @results << { "id" => name, "status" => "failed", "difference" => differences.join("; ") }
    end
  end
end

$stdout.sync = true
exit(Run.new(ARGV).run ? 0 : 1) if $PROGRAM_NAME == __FILE__
