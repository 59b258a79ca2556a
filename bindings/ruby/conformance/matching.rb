# frozen_string_literal: true

require "digest"
require "json"

# Compares results with what a scenario expects of them: see conformance/README.md.
module Matching
  TYPES = { NilClass => "null", TrueClass => "boolean", FalseClass => "boolean", String => "text", Integer => "integer", Float => "number",
            Array => "list", Hash => "object" }.freeze

  RULES = {
    "$type" => ->(names, got) { of_type?(Array(names), got) },
    "$one_of" => ->(options, got) { options.any? { |option| match("", option, got).empty? } },
    "$contains" => ->(part, got) { got.is_a?(String) && got.include?(part) },
    "$between" => ->(ends, got) { got.is_a?(Numeric) && got.between?(*ends) },
    "$length" => ->(length, got) { (got.is_a?(String) || got.is_a?(Array)) && got.length == length },
    "$utf8" => ->(text, got) { bytes(got) == text.b },
    "$sha256" => ->(digest, got) { !bytes(got).nil? && Digest::SHA256.hexdigest(bytes(got)) == digest },
    "$absent" => ->(_, got) { got.nil? || got == "" || got == [] }
  }.freeze

  class << self
    # The differences, each with its path.
    def match(path, want, got)
      rule = rule_of(want)
      return RULES[rule].call(want[rule], got) ? [] : [differ(path, want, got)] if rule
      return match_fields(path, want, got) if want.is_a?(Hash) && got.is_a?(Hash)
      return match_items(path, want, got) if want.is_a?(Array) && got.is_a?(Array) && want.length == got.length

      want == got ? [] : [differ(path, want, got)]
    end

    # A value as JSON, cut to a readable length.
    def shown(value)
      text = JSON.generate(value)
      text.length <= 600 ? text : "#{text[0, 600]}…"
    rescue JSON::GeneratorError, EncodingError
      value.inspect
    end

    private

    def rule_of(want)
      want.keys.first if want.is_a?(Hash) && want.length == 1 && RULES.key?(want.keys.first)
    end

    def match_fields(path, want, got)
      want.flat_map do |name, value|
        next ["#{path.empty? ? "the result" : path} has no field #{name}"] unless got.key?(name) || rule_of(value) == "$absent"

        match("#{path}.#{name}".delete_prefix("."), value, got[name])
      end
    end

    def match_items(path, want, got)
      want.each_index.flat_map { |index| match("#{path}[#{index}]", want[index], got[index]) }
    end

    def differ(path, want, got)
      "#{path.empty? ? "the result" : path}: expected #{shown(want)}, got #{shown(got)}"
    end

    def of_type?(names, got)
      kind = TYPES.find { |type, _| got.is_a?(type) }&.last
      names.include?(kind) || (kind == "integer" && names.include?("number"))
    end

    def bytes(got)
      got.unpack1("m0") if got.is_a?(String)
    rescue ArgumentError
      nil
    end
  end
end
