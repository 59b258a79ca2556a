# frozen_string_literal: true

module KnockerSqlite
  # What an inbox can be attached to, and how a thread gets a connection from it. None of these gems is required for it:
  # objects are known by their methods.
  # @api private
  class Host
    # Recognise the application's object.
    def self.of(given)
      return PoolHost.new(given) if given.respond_to?(:connection_pool)
      return ActiveRecordHost.new(given) if given.respond_to?(:raw_connection) && given.respond_to?(:open_transactions)
      return DatabaseHost.new(given) if given.respond_to?(:prepare) && given.respond_to?(:transaction_active?)

      raise InvalidArgumentError, "An inbox can't be attached to a #{given.class}: give a SQLite3::Database, a connection of " \
                                  "Active Record, or a class such as ActiveRecord::Base."
    end

    def initialize(given)
      @given = given
    end

    # Whether each thread has a connection of its own.
    def many?
      false
    end

    # Whether another thread than the caller's may use it.
    def movable?
      true
    end
  end

  # What threads take turns by, in the order in which they came: a call waits here while a handler of another thread is in its
  # transaction. SQLite's own waiting (busy_timeout) would keep Ruby's lock, which that handler needs to come to its end.
  # @api private
  class Turn
    # How long a call waits.
    WAIT_S = 5.0
    # How long it waits at a time: nobody wakes it when the one before it has gone without a word.
    SLICE_S = 0.1
    NAME = :@knocker_turn
    LOCK = Mutex.new

    # Run a block when no other thread has the turn of an object, which is a connection or a pool.
    def self.take(object, &block)
      turn = LOCK.synchronize { object.instance_variable_get(NAME) || object.instance_variable_set(NAME, new) }
      turn.take(&block)
    end

    def initialize
      @lock = Mutex.new
      @free = ConditionVariable.new
      @waiting = []
      @owner = nil
    end

    # Run a block; one inside it runs at once.
    def take
      thread = Thread.current
      return yield if @owner.equal?(thread)

      begin
        enter(thread)
        yield
      ensure
        leave if @owner.equal?(thread)
      end
    end

    private

    def enter(thread)
      ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + WAIT_S
      @lock.synchronize do
        @waiting << thread
        wait_a_little(ends) until free?(thread)
        @owner = thread
      ensure
        @waiting.delete(thread)
      end
    end

    # A thread may be dead: of a parent process, before a fork.
    def free?(thread)
      @waiting.select!(&:alive?)
      !@owner&.alive? && @waiting.first.equal?(thread)
    end

    def wait_a_little(ends)
      if Process.clock_gettime(Process::CLOCK_MONOTONIC) > ends
        raise BusyError, "A handler in another thread has its transaction open on the connection, or on one of its pool."
      end

      @free.wait(@lock, SLICE_S)
    end

    def leave
      @owner = nil
      @lock.synchronize { @free.broadcast }
    end
  end

  # One connection.
  # @api private
  class SingleHost < Host
    # Yield the connection's link when no other thread uses it.
    def with(writes: false) # rubocop:disable Lint/UnusedMethodArgument -- reads take turns, too
      Turn.take(@given) { yield link }
    end
  end

  # A SQLite3::Database.
  # @api private
  class DatabaseHost < SingleHost
    private

    def link
      DatabaseLink.new(@given)
    end
  end

  # A connection of Active Record's. Models that a handler uses have their thread's connection, so it stays on its thread.
  # @api private
  class ActiveRecordHost < SingleHost
    def movable?
      false
    end

    private

    def link
      ActiveRecordLink.new(@given)
    end
  end

  # A class of Active Record's: each thread has a connection of its own from the pool.
  # @api private
  class PoolHost < Host
    def many?
      true
    end

    # Yield the link of the thread's connection: the one that it has, else one from the pool meanwhile. What writes takes turns,
    # unless it takes part in a transaction that the thread has open.
    def with(writes: false)
      pool = @given.connection_pool
      pool.with_connection do |connection|
        link = ActiveRecordLink.new(connection)
        next yield(link) if !writes || link.database.transaction_active?

        Turn.take(pool) { yield link }
      end
    end
  end

  # A SQLite3::Database in the hands of one thread.
  # @api private
  class DatabaseLink
    # @return [SQLite3::Database]
    attr_reader :database
    alias tx database

    def initialize(database)
      @database = database
    end

    # Run a block between BEGIN IMMEDIATE and COMMIT; on any way out but its end, ROLLBACK.
    def transaction
      run("BEGIN IMMEDIATE")
      done = false
      yield
      run("COMMIT")
      done = true
    ensure
      run("ROLLBACK") if !done && @database.transaction_active?
    end

    private

    def run(sql)
      statement = @database.prepare(sql)
      statement.step
    ensure
      statement&.close
    end
  end

  # A connection of Active Record's in the hands of one thread.
  # @api private
  class ActiveRecordLink
    # Takes the write lock at the start, whatever the connection's way to begin is: what a handler reads can't change any more.
    LOCK = "DELETE FROM main.knocker_attempts WHERE 0"

    # The adapter.
    attr_reader :tx

    def initialize(connection)
      unless connection.adapter_name.match?(/sqlite/i)
        raise InvalidArgumentError, "The inbox is a SQLite file, and this connection is to #{connection.adapter_name}."
      end

      @tx = connection
    end

    # @return [SQLite3::Database]
    def database
      @tx.raw_connection
    end

    # Run a block in a transaction that Active Record knows of: a model's own +transaction+ joins it, and after_commit runs after it.
    def transaction
      database # from here on Active Record begins at once
      @tx.transaction do
        done = false
        lock
        answer = yield
        done = true
        answer
      ensure
        # Whatever Active Record makes of this end, it finds an open transaction with nothing in it: a handler may have ended its own,
        # and what leaves by a throw (Timeout's) Active Record 6.1 commits.
        restart unless done
      end
    end

    private

    def lock
      run(LOCK)
    end

    def restart
      run("ROLLBACK") if database.transaction_active?
      run("BEGIN")
    end

    def run(sql)
      statement = database.prepare(sql)
      statement.step
    ensure
      statement&.close
    end
  end
end
