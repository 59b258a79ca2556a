# frozen_string_literal: true

module KnockerSqlite
  # What the inbox answers: a Hash with text keys, whose entries are methods too: +result["status_code"]+ and
  # +result.status_code+ are the same. Entries that a newer library adds are there as well.
  class Record < Hash
    class << self
      # Define a reader for each entry; a name that Hash has a method of its own for keeps it when called with
      # arguments or a block.
      # @api private
      def entries(*names)
        names.each do |name|
          key = name.name
          if Hash.method_defined?(name) || Hash.private_method_defined?(name)
            define_method(name) { |*arguments, &block| arguments.empty? && block.nil? ? self[key] : super(*arguments, &block) }
          else
            define_method(name) { self[key] }
          end
        end
      end

      # Define a reader and a question for each entry that is true, false or nil.
      # @api private
      def flags(*names)
        entries(*names)
        names.each { |name| define_method(:"#{name}?") { self[name.name] == true } }
      end

      # Make the record of a library's reply.
      # @api private
      def from_reply(reply)
        new.update(reply)
      end
    end

    private

    def respond_to_missing?(name, include_private = false)
      key?(name.name) || super
    end

    def method_missing(name, *arguments, &block)
      return super unless arguments.empty? && block.nil? && key?(name.name)

      self[name.name]
    end
  end

  # A record with a body.
  module WithBody
    # @return [Object] the body parsed as JSON. Raises JSON::ParserError where it is none, ArgumentError where a list left
    #   the body out.
    def json
      raise ArgumentError, "this list has no bodies: ask for them with bodies: true" if body.nil?

      JSON.parse(body.dup.force_encoding(Encoding::UTF_8))
    end

    # Without the bytes, which nobody reads in a log.
    def inspect
      shown = except("body", "body_blob")
      "#<#{self.class.name} #{shown.inspect}#{" with #{body.bytesize} bytes of body" if body}>"
    end
    alias to_s inspect
  end
end
