# frozen_string_literal: true

require "weakref"

module KnockerSqlite
  # The handlers of all inboxes that this process has open on one file, by the number that the library knows each by.
  # The library shares one engine, handlers included, between them; so any worker can be handed an event of any of them.
  # @api private
  class Registry
    @shared = {}
    @kept = {}
    @lock = Mutex.new

    # The registry of an open file.
    def self.of(path)
      key = key_of(path)
      @lock.synchronize do
        @shared.delete_if { |_, reference| !reference.weakref_alive? }
        registry = alive(@shared[key]) || new
        @shared[key] = WeakRef.new(registry)
        registry
      end
    end

    # The registry of a file that the application's own connections have: what the library keeps of it, handlers
    # included, lives as long as the process.
    def self.kept(path)
      registry = of(path)
      @lock.synchronize { @kept[key_of(path)] = registry }
    end

    def self.key_of(path)
      File.stat(path).then { |status| [status.dev, status.ino] }
    end
    private_class_method :key_of

    def self.alive(reference)
      reference&.__getobj__
    rescue WeakRef::RefError
      nil
    end
    private_class_method :alive

    def initialize
      @handlers = {}
    end

    # Remember a handler.
    def put(number, handler)
      @handlers[number] = handler
    end

    # Forget a handler.
    def drop(number)
      @handlers.delete(number)
    end

    # A handler, or nil where it was replaced.
    def [](number)
      @handlers[number]
    end
  end
end
