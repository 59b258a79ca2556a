# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../lib", __dir__))
require "knocker"

# The Ruby binding behind the names and the plain form of docs/abi.md.
module Plain
  # What a list answers is called in the reply.
  LISTS = { "list_events" => "events", "list_deliveries" => "deliveries", "list_attempts" => "attempts", "list_endpoints" => "endpoints",
            "list_running" => "running", "list_prune_audits" => "audits", "stats_by_endpoint" => "endpoints", "providers" => "providers",
            "poll_hooks" => "events" }.freeze
  # Methods whose object of the sentence comes first, without a keyword.
  POSITIONAL = {
    "get_event" => "id", "get_delivery" => "id", "list_attempts" => "event_id", "ignore" => "event_id", "replay" => "event_id",
    "requeue" => "event_id", "replay_delivery" => "delivery_id", "accept_delivery" => "delivery_id", "explain_delivery" => "delivery_id",
    "get_endpoint" => "name", "enable_endpoint" => "name", "disable_endpoint" => "name", "pause_endpoint" => "name",
    "resume_endpoint" => "name", "remove_endpoint" => "name", "backup" => "path", "set_clock" => "now_s"
  }.freeze
  EXACT = (2**53) - 1

  class << self
    # Call the public method of this name.
    def call(receiver, method, request)
      fields = request.transform_values { |value| native(value) }
      first = POSITIONAL[method]
      positional = first && fields.key?(first) ? [fields.delete(first)] : []
      reply(method, receiver.public_send(method, *positional, **fields.transform_keys(&:to_sym)))
    end

    # A call that needs no inbox.
    def call_alone(method, request)
      fields = request.dup
      fields["body"] = fields.delete("body_base64").unpack1("m") if fields.key?("body_base64")
      answer = call(KnockerSqlite, method, fields)
      answer["body_base64"] = answer.delete("body") if method == "sign"
      answer
    end

    # An error in the plain form.
    def error(error)
      { "code" => error.code, "message" => error.message, "http_status" => error.http_status, "retryable" => error.retryable,
        "details" => value(error.details) }
    end

    # What a method answered, as the reply of docs/abi.md.
    def reply(method, answer)
      case answer
      when nil then {}
      when Array then { LISTS.fetch(method) => value(answer), "cursor" => cursor(answer), "dropped" => dropped(answer) }
      when Integer then { "event_id" => answer }
      else value(answer)
      end
    end

    # A value of the binding as JSON; what answers by method and what by key must be the same.
    def value(value)
      case value
      when KnockerSqlite::Record then record(value)
      when Hash then value.transform_values { |item| value(item) }
      when Array then value.map { |item| value(item) }
      when String then value.encoding == Encoding::BINARY ? [value].pack("m0") : value
      else value
      end
    end

    # Ruby's own form of what JSON has none for.
    def native(value)
      case value
      when Array then value.map { |item| native(item) }
      when Hash
        return value["$bytes"].unpack1("m") if value.key?("$bytes")
        return Object.new if value.key?("$object")
        return value["$native"] if value.key?("$native")

        value.transform_values { |item| native(item) }
      else value
      end
    end

    # A parameter's cell as a value; lists and mappings of them too.
    def parameter(value)
      return value.map { |item| parameter(item) } if value.is_a?(Array)
      return value unless value.is_a?(Hash)

      tag, content = value.length == 1 ? value.first : nil
      case tag
      when "int" then Integer(content, 10)
      when "real" then real(content)
      when "blob" then content.unpack1("m")
      else value.transform_values { |item| parameter(item) }
      end
    end

    # A value of SQLite as a cell.
    def cell(value)
      case value
      when String then value.encoding == Encoding::BINARY ? { "blob" => [value].pack("m0") } : text(value)
      when Float then { "real" => value.to_s }
      when Integer then value.abs > EXACT ? { "int" => value.to_s } : value
      else value
      end
    end

    private

    def record(record)
      record.each_key.reject { |name| name == "body_blob" }.to_h do |name|
        by_method = record.public_send(name)
        raise "#{record.class}##{name} differs from its entry" unless by_method.equal?(record[name])

        [name, value(by_method)]
      end
    end

    def cursor(answer)
      answer.cursor if answer.respond_to?(:cursor)
    end

    def dropped(answer)
      answer.respond_to?(:dropped) ? answer.dropped : 0
    end

    def text(value)
      value.valid_encoding? ? value : { "text" => [value].pack("m0") }
    end

    def real(text)
      { "Infinity" => Float::INFINITY, "-Infinity" => -Float::INFINITY, "NaN" => Float::NAN }.fetch(text) { Float(text) }
    end
  end
end
