# frozen_string_literal: true

module KnockerSqlite
  # One row of a query, by column: +row["total"]+, +row[0]+, +row.total+, +row.to_h+; +id, total = row+ and
  # +in {total:}+ work too. Of two columns with one name the first is found.
  class Row
    # @return [Array<String>] the names of the columns
    attr_reader :keys
    # @return [Array<Object>] the values
    attr_reader :values

    # @api private
    def initialize(keys, values)
      @keys = keys
      @values = values
    end

    # @param column [String, Symbol, Integer] a name or a position
    # @return [Object] nil where there is no such column
    def [](column)
      return @values[column] if column.is_a?(Integer)

      index = @keys.index(column.to_s)
      index && @values[index]
    end

    # The value of a column; raises KeyError where there is none.
    # @param column [String, Symbol]
    def fetch(column)
      @values[@keys.index(column.to_s) || raise(KeyError, "the row has no column #{column}; it has #{@keys.join(", ")}")]
    end

    # @return [Hash{String => Object}]
    def to_h
      @keys.zip(@values).each_with_object({}) { |(name, value), hash| hash[name] = value unless hash.key?(name) }
    end

    # @return [Array<Object>]
    def to_a
      @values.dup
    end
    alias to_ary to_a
    alias deconstruct to_a

    # @api private
    def deconstruct_keys(_names)
      to_h.transform_keys(&:to_sym)
    end

    # @return [Boolean] whether keys and values are equal
    def ==(other)
      other.is_a?(Row) && keys == other.keys && values == other.values
    end

    # @return [String]
    def inspect
      "#<KnockerSqlite::Row #{to_h.inspect}>"
    end

    private

    def respond_to_missing?(name, include_private = false)
      @keys.include?(name.name) || super
    end

    def method_missing(name, *arguments, &block)
      return super unless arguments.empty? && block.nil? && @keys.include?(name.name)

      self[name]
    end
  end

  # What a statement did: "changes" (how many rows it inserted, updated or deleted) and "last_insert_rowid" (of the last
  # INSERT of this connection).
  class Executed < Record
    entries :changes, :last_insert_rowid
  end

  # SQLite's values as JSON cells, and back.
  # @api private
  module Values
    EXACT = (2**53) - 1

    class << self
      # Parameters as cells, and the blobs that travel beside them.
      def encode(params)
        blobs = []
        cells =
          case params
          when nil then nil
          when Array then params.map { |value| encode_cell(value, blobs) }
          when Hash then params.to_h { |name, value| [name.to_s, encode_cell(value, blobs)] }
          else raise InvalidArgumentError, "Parameters are an Array or a Hash; a single value is [value]."
          end
        [cells, blobs]
      end

      # One cell as a value. Text that isn't UTF-8 keeps its bytes; valid_encoding? tells.
      def decode_cell(cell)
        return cell unless cell.is_a?(Hash)

        kind, content = cell.first
        case kind
        when "int" then Integer(content, 10)
        when "real" then decode_real(content)
        when "blob" then content.unpack1("m")
        else content.unpack1("m").force_encoding(Encoding::UTF_8)
        end
      end

      # The rows of a query.
      def decode_rows(reply)
        keys = reply["columns"].each(&:freeze).freeze
        reply["rows"].map { |row| Row.new(keys, row.map { |cell| decode_cell(cell) }) }
      end

      private

      def encode_cell(value, blobs)
        case value
        when nil, true, false then value
        when Integer then value.abs <= EXACT ? value : { "int" => value.to_s }
        when Float then encode_real(value)
        when String then encode_text(value, blobs)
        when Symbol then value.name
        else raise InvalidArgumentError, "SQLite has no type for #{value.class}: pass nil, Integer, Float, String, true or false."
        end
      end

      # A binary String is a BLOB, as in the sqlite3 gem; every other one is TEXT.
      def encode_text(value, blobs)
        if value.encoding == Encoding::BINARY
          blobs << value
          return { "blob_index" => blobs.length - 1 }
        end
        return { "text" => [value].pack("m0") } unless value.valid_encoding?

        value.encode(Encoding::UTF_8)
      rescue EncodingError
        { "text" => [value].pack("m0") }
      end

      def encode_real(value)
        value.nan? ? nil : { "real" => value.to_s }
      end

      def decode_real(text)
        case text
        when "Infinity" then Float::INFINITY
        when "-Infinity" then -Float::INFINITY
        else Float(text)
        end
      end
    end
  end
end
