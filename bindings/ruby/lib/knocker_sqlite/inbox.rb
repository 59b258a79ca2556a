# frozen_string_literal: true

module KnockerSqlite
  # A durable inbox for webhooks in one SQLite file: what {KnockerSqlite.open} answers. All methods may be called from any
  # thread. In a process that was forked after the library was loaded, each raises {ForkedError}.
  class Inbox < Connection
    include Operating
    include Retention

    # Add an endpoint, or update it: the name decides.
    #
    # @param name [String] also as a keyword
    # @param secrets [String, Array<String>] kept in this process's memory only
    # @param options provider: (see {KnockerSqlite.providers}), provider_options:, url: (the public URL, where the provider
    #   signs it), path: (a label for people, defaults to /webhooks/<name>), enabled: (true), unhandled: ("dead", "ignore" or
    #   "leave"), split_batches: (true), event_key:, max_body_bytes: (25 MiB), max_attempts: (12), backoff_initial_s: (1),
    #   backoff_factor: (3), backoff_max_s: (3,600), backoff_jitter: (true)
    # @return [Endpoint]
    # @raise [Error] invalid_secret, unknown_provider, path_taken, invalid_argument
    def add_endpoint(name = nil, secrets: Arguments::UNSET, **options)
      options[:name] = name unless name.nil?
      options[:secrets] = Arguments.secrets(secrets) unless secrets.equal?(Arguments::UNSET)
      Endpoint.of(self, @transport.call("add_endpoint", endpoint_fields(options), writes: true))
    end

    # One page of endpoints, by name.
    # @param fields limit: (1 to 1,000, defaults to 100), cursor:
    # @return [Page<Endpoint>]
    def list_endpoints(**fields)
      reply = read("list_endpoints", fields)
      Page.new(reply["endpoints"].map { |item| Endpoint.of(self, item) }, reply["cursor"])
    end

    # All endpoints by name, read as they are asked for.
    # @return [Enumerator::Lazy<Endpoint>]
    def endpoints(**fields)
      each_of(fields) { |page| list_endpoints(**page) }
    end

    # @return [Endpoint]
    # @raise [UnknownEndpointError]
    def get_endpoint(name)
      Endpoint.of(self, read("get_endpoint", name: name))
    end

    # Let an endpoint receive again.
    # @return [Endpoint]
    def enable_endpoint(name)
      Endpoint.of(self, write("enable_endpoint", name: name))
    end

    # Refuse what comes for an endpoint, with endpoint_disabled.
    # @return [Endpoint]
    def disable_endpoint(name)
      Endpoint.of(self, write("disable_endpoint", name: name))
    end

    # Receive and queue as ever, but let no worker of any process claim its events.
    # @return [Endpoint]
    def pause_endpoint(name)
      Endpoint.of(self, write("pause_endpoint", name: name))
    end

    # End a pause.
    # @return [Endpoint]
    def resume_endpoint(name)
      Endpoint.of(self, write("resume_endpoint", name: name))
    end

    # Remove an endpoint.
    # @param prune [Boolean] with its events. Defaults to false.
    # @return [nil]
    # @raise [Error] unknown_endpoint; not_empty while it has events, unless prune: true
    def remove_endpoint(name, prune: false)
      write("remove_endpoint", name: name, prune: prune)
      nil
    end

    # Take in one HTTP request: verify it, store it, queue its event. It is on disk when this returns.
    #
    # @param endpoint [String]
    # @param body [String, IO, nil] the raw bytes, or a reader of them such as +request.body+. A parsed body is refused with
    #   +body_consumed+.
    # @param headers [Hash, Array, #env] a Hash from name to String or Array, pairs, a Rack environment or a slice of one
    #   (+HTTP_*+ names are understood), Rails' +request.headers+, a Rack::Request
    # @param query [String, Hash, Array] the raw query string, parameters, or pairs
    # @param secrets [String, Array<String>] for this call. Defaults to the endpoint's.
    # @param options method: ("POST"), url:, provider:, provider_options:, provider_event_id:, provider_delivery_id:, event_type:,
    #   dedupe_key:, queue_name:, max_attempts:, timeout_ms: (how long to wait for the writer; defaults to receive_timeout_ms)
    # @return [Result]
    # @raise [Error] unknown_endpoint, endpoint_disabled, busy, no_verifier, body_consumed, invalid_argument, …
    def receive(endpoint:, body:, headers: nil, query: nil, secrets: Arguments::UNSET, **options)
      request = options.empty? ? {} : Arguments.operation(options)
      request["secrets"] = Arguments.secrets(secrets) unless secrets.equal?(Arguments::UNSET)
      take_in(request, endpoint, body, headers, query)
    end

    # Take in one request that another trusted layer has judged: no provider verifies it.
    #
    # Arguments as for {#receive}, without secrets, and signature_valid: (true, false or nil) and signature_error:, which
    # are stored as given.
    # @return [Result]
    def ingest(endpoint:, body:, headers: nil, query: nil, **options)
      take_in(Arguments.operation(options).merge("ingest" => true), endpoint, body, headers, query)
    end

    # Register what runs for an endpoint's events. Registering again replaces, so a reloaded file may do so each time.
    #
    # The handler ends as handled when it returns, as failed (to be tried again) when it raises; {RetryAfter}, {Discard} and
    # {Ignore} choose otherwise.
    #
    # @param endpoint [String]
    # @param handler [#call, nil] instead of a block
    # @param event_type [String, nil] exact, or a prefix such as "invoice.*". Defaults to all that have no other handler.
    # @param options max_attempts:, backoff_initial_s:, backoff_factor:, backoff_max_s:, backoff_jitter:, timeout_s:
    # @yieldparam event [Event]
    # @yieldparam tx [Tx]
    # @return [Integer] the handler's number, for {#unregister_handler}
    # @raise [Error] unknown_endpoint, invalid_argument
    def register_handler(endpoint, handler = nil, event_type: nil, **options, &block)
      callable = block || handler
      raise InvalidArgumentError, "A handler is a block, or an object with call, of (event, tx)." unless callable.respond_to?(:call)

      reply = read("register_handler", options.merge(endpoint: endpoint, event_type: event_type))
      @registry.put(reply["handler"], callable)
      @registry.drop(reply["replaced"])
      reply["handler"]
    end

    # Take a handler away.
    # @param handler [Integer] what register_handler answered
    # @return [Boolean] whether it was there
    def unregister_handler(handler)
      removed = read("unregister_handler", handler: handler)["removed"]
      @registry.drop(handler)
      removed
    end

    # Run handlers until {#stop}, an Interrupt (Ctrl-C) or an exception that is meant for the process. Then running handlers may
    # finish within stop_timeout_s. Signals are left alone: a program that is to stop on SIGTERM traps it and calls {#stop}.
    #
    # @param options concurrency: (1) handlers at once, each on a thread, lease_s: (60), worker_id:, endpoints: (an Array; defaults to
    #   all), stop_timeout_s: (30), handler_timeout_s: (900), handler_synchronous: ("normal" or "full")
    # @return [StopReport]
    def run_worker(**options)
      worker = open_worker(options)
      begin
        @stop_next ? worker.stop : worker.run
      ensure
        @stop_next = false
        worker.close
        @workers.delete(worker)
      end
    end

    # Run handlers beside the caller, on threads of their own, until the worker's {Worker#stop}. Options as for {#run_worker}.
    # @return [Worker]
    def start_worker(**options)
      open_worker(options).start
    end

    # Handle what is due now, one event after the other on this thread. For tests, and for programs that are started now and then.
    # A failed event runs again in a later pass, when its time has come. Options as for {#run_worker}.
    # @return [Array<Finished>]
    def run_worker_once(**options)
      worker = open_worker(options)
      worker.once
    ensure
      worker&.close
      @workers.delete(worker)
    end

    # Ask all running workers of this inbox to stop; returns at once. May be called from any thread and from a signal's trap. When no
    # worker runs, the next {#run_worker} ends before it claims anything, so that a signal during the start is not lost.
    # @return [nil]
    def stop
      @stop_next = @workers.none?(&:open?)
      @workers.dup.each(&:request_stop)
      nil
    end

    private

    def open_worker(options)
      @workers.select!(&:open?)
      worker = new_worker(Arguments.operation(options))
      @workers << worker
      worker
    end

    def new_worker(options)
      Worker.new(self, @handle[0], @registry, options)
    end

    def endpoint_fields(options)
      secrets = options.delete(:secrets)
      fields = Arguments.operation(options).merge("home" => Home.current)
      fields["secrets"] = secrets unless secrets.nil?
      fields
    end

    def take_in(request, endpoint, body, headers, query)
      bytes, consumed = Arguments.body(body)
      request["endpoint"] = endpoint.is_a?(Symbol) ? endpoint.name : endpoint
      request["headers"] = Arguments.headers(headers) unless headers.nil?
      request["query"] = Arguments.query(query) unless query.nil?
      request["body_consumed"] = true if consumed
      request["home"] = Home.current
      Result.from_reply(@transport.receive(request, bytes))
    end
  end
end
