# frozen_string_literal: true

module KnockerSqlite
  # Ruby's many shapes of headers, query, secrets and body, as the library's JSON. Only shapes are changed here: what
  # a name or a value means is the core's rule.
  # @api private
  module Arguments
    # Marks an argument that was not given, where nil is a value of its own.
    UNSET = Object.new.freeze

    # Parameters of a request are kept up to this depth.
    DEEPEST = 32
    # Options nest a few levels; what is deeper holds itself.
    TOO_DEEP = 200
    # Where a fraction of a second is cut off.
    MOMENTS = %w[older_than since until].freeze
    RACK_NAMES = %w[CONTENT_TYPE CONTENT_LENGTH].freeze

    class << self
      # The raw bytes, and whether the framework has parsed them away. Whatever is neither text nor readable is a parsed
      # body: the bytes that the sender signed are gone, and the core says so.
      def body(value)
        return [value, false] if value.is_a?(String)
        return ["", false] if value.nil?
        return [read(value), false] if value.respond_to?(:read)

        ["", true]
      end

      # Headers: a Hash (also a slice of a Rack environment, or all of it), pairs, Rails' and Rack's own objects.
      def headers(value)
        # Rack::Request, Sinatra's request and Rails' request.headers know the environment.
        value = value.env if !value.is_a?(Hash) && value.respond_to?(:env)
        value = rack_headers(value) if value.is_a?(Hash) && value.key?("REQUEST_METHOD")
        fields(value)
      end

      # A query: raw text, a Hash of parameters, or pairs. ActionController::Parameters gives all it holds.
      def query(value)
        value = value.to_unsafe_h if value.respond_to?(:to_unsafe_h)
        fields(value)
      end

      # Secrets, binary ones as {"blob": base64}. nil is kept, so that the core can name its position.
      def secrets(value)
        case value
        when Array then value.map { |item| secret(item) }
        when nil then [nil]
        else secret(value)
        end
      end

      # JSON has no bytes: they are read as the core reads them, as UTF-8 or else as Latin-1.
      def text(value)
        return value.encode(Encoding::UTF_8) if foreign?(value)

        bytes = value.dup.force_encoding(Encoding::UTF_8)
        return bytes if bytes.valid_encoding?

        bytes.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
      rescue EncodingError
        value.dup.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
      end

      # A JSON form of a value of any type; nil where there is none.
      def json_value(value, depth = 0)
        case value
        when nil, true, false, Integer then value
        when String then text(value)
        when Symbol then text(value.name)
        when Float then value.finite? ? value : value.to_s
        when Array then nested(depth) { value.map { |item| json_value(item, depth + 1) } }
        when Hash then nested(depth) { value.to_h { |name, item| [text(name.to_s), json_value(item, depth + 1)] } }
        end
      end

      # A moment as whole Unix seconds, of which fractions are cut off: an earlier cutoff never takes too much.
      def unix_seconds(moment)
        return moment.to_i if moment.is_a?(Time)
        return moment.finite? ? moment.floor : moment if moment.is_a?(Float)
        return moment if !moment.respond_to?(:to_time) || moment.is_a?(String)
        return moment.to_time.to_i if moment.respond_to?(:sec)

        raise InvalidArgumentError, "A #{moment.class} names no moment: pass a Time, such as Time.now - 30 * 86_400, or Unix seconds."
      end

      # The text of a path, also a Pathname.
      def path(value)
        value = value.to_path if value.respond_to?(:to_path)
        value.is_a?(String) ? text(value) : value
      end

      # The fields of an operation: names as text, moments as seconds, sets as lists.
      def operation(fields, depth = 0)
        fields.to_h do |name, value|
          [name = name.to_s, MOMENTS.include?(name) ? unix_seconds(value) : operation_value(value, depth + 1)]
        end
      end

      private

      # Binary text and UTF-8 are looked at byte by byte; other encodings are converted.
      def foreign?(value)
        ![Encoding::UTF_8, Encoding::BINARY, Encoding::US_ASCII].include?(value.encoding) && value.valid_encoding?
      end

      def read(input)
        # A framework that has looked into a form leaves the reader at its end.
        input.rewind if input.respond_to?(:rewind)
        input.read || ""
      end

      def rack_headers(env)
        env.select { |name, _| name.is_a?(String) && (name.start_with?("HTTP_") || RACK_NAMES.include?(name)) }
      end

      def fields(value)
        case value
        when nil then nil
        when String then text(value)
        when Hash then plain?(value) ? value : value.map { |name, item| [text(name.to_s), json_value(item)] }
        when Array then value.map { |pair| pair(pair) }
        else listed(value)
        end
      end

      # Whether a Hash is JSON as it is: the most usual shape, so it is worth a look.
      def plain?(hash)
        hash.all? { |name, item| name.is_a?(String) && name.ascii_only? && item.is_a?(String) && item.ascii_only? }
      end

      def listed(value)
        return fields(value.to_h) if value.respond_to?(:to_h)
        return fields(value.to_a) if value.respond_to?(:to_a)

        value.class.name # not a shape at all: the core's sentence says what is
      end

      def pair(pair)
        return json_value(pair) unless pair.is_a?(Array) && pair.length == 2

        [text(pair[0].to_s), json_value(pair[1])]
      end

      def secret(value)
        case value
        when String then secret_text(value)
        when Symbol then value.name
        when Hash then value.to_h { |name, item| [name.to_s, secret(item)] }
        else value
        end
      end

      def secret_text(value)
        utf8 = value.dup.force_encoding(Encoding::UTF_8)
        return utf8 if value.ascii_only? || (utf8.valid_encoding? && value.encoding != Encoding::BINARY)

        { "blob" => [value].pack("m0") }
      end

      def operation_value(value, depth)
        raise InvalidArgumentError, "An argument is nested too deeply, or holds itself." if depth > TOO_DEEP

        case value
        when String then text(value)
        when Symbol then value.name
        when Hash then operation(value, depth)
        when Array then value.map { |item| operation_value(item, depth + 1) }
        when nil, true, false, Integer, Float then value
        else other_value(value, depth)
        end
      end

      def other_value(value, depth)
        return unix_seconds(value) if value.is_a?(Time) || value.respond_to?(:to_time)
        return value.to_path if value.respond_to?(:to_path)
        return operation_value(value.to_a, depth) if value.respond_to?(:to_a)

        raise InvalidArgumentError, "An argument holds a #{value.class}, which has no JSON form."
      end

      def nested(depth)
        yield if depth < DEEPEST
      end
    end
  end
end
