defmodule KnockerSqlite do
  @moduledoc """
  A durable inbox for webhooks, in one SQLite file: verify, store, answer, process later.

      {:ok, webhooks} = KnockerSqlite.open("app.db")
      {:ok, _} = KnockerSqlite.add_endpoint(webhooks, name: "orders", provider: "stripe", secrets: secret)

      {:ok, result} = KnockerSqlite.receive(webhooks, %{endpoint: "orders", body: body, headers: conn.req_headers})
      result["status_code"]

  or in a supervision tree, with workers that run the handlers:

      children = [
        {KnockerSqlite,
         name: MyApp.Inbox,
         path: "app.db",
         endpoints: [[name: "orders", provider: "stripe", secrets: secret]],
         handlers: [{"orders", "invoice.paid", &MyApp.Invoices.paid/2}],
         worker: [concurrency: 4]}
      ]

      KnockerSqlite.receive(MyApp.Inbox, %{endpoint: "orders", body: body, headers: conn.req_headers})

  Every function takes the inbox, its process, its supervisor's process or its registered name, answers
  `{:ok, result}` with text keys or `{:error, %KnockerSqlite.Error{}}`, and has a twin that ends with `!` and returns
  the result or raises. Arguments are a map or a keyword list, by atoms or texts. Times are Unix seconds.
  """

  alias KnockerSqlite.{
    Arguments,
    Error,
    Host,
    Inbox,
    JSON,
    Library,
    Operation,
    Registry,
    Setup,
    Streams,
    Telemetry,
    Worker
  }

  @enforce_keys [:pid, :supervisor, :handle, :path, :info]
  defstruct [:pid, :supervisor, :handle, :path, :info]

  @typedoc "An open inbox. `path` is its file; the rest is this package's own."
  @type t :: %__MODULE__{
          pid: pid(),
          supervisor: pid(),
          handle: reference() | {:host, query()},
          path: String.t() | nil,
          info: map()
        }

  @typedoc """
  Runs one statement on a connection of the application's, and answers its rows. Parameters are texts and
  `{:blob, binary}`. Where an error has SQLite's text as its reason, as a binary or an exception, its code is kept.
  """
  @type query ::
          (sql :: String.t(), parameters :: [String.t() | {:blob, binary()}] ->
             {:ok, [[term()]]} | {:error, term()})

  @typedoc "An inbox: itself, its process, its supervisor, or its registered name."
  @type inbox :: t() | pid() | atom() | {:global, term()} | {:via, module(), term()}

  @typedoc "Arguments by name."
  @type fields :: keyword() | %{optional(atom() | String.t()) => term()}

  @typedoc "What the library answers, with text keys."
  @type reply :: %{optional(String.t()) => term()}

  @typedoc ~S'`"id"`, `"endpoint"`, `"event_type"`, `"status"`, `"attempt_count"`, `"headers"`, `"query"`, `"body_blob"`, …'
  @type event :: reply()
  @typedoc ~S'`"id"`, `"endpoint"`, `"event_id"`, `"kind"`, `"reason"`, `"signature_valid"`, `"headers"`, `"body_blob"`, …'
  @type delivery :: reply()

  @typedoc "Unix seconds, or a DateTime."
  @type moment :: integer() | DateTime.t()

  @typedoc """
  What runs for an event. It answers

    * `{:retry_after, seconds}` or `{:retry_after, seconds, reason}` - failed; try again then
    * `:discard`, `{:discard, reason}` - never try again: the event is dead
    * `:ignore`, `{:ignore, reason}` - the event concerns nobody
    * `:error`, `{:error, reason}` - failed; try again later, as after a raise, a throw or an exit
    * anything else - handled: its writes and "handled" are one commit
  """
  @type handler :: (event(), KnockerSqlite.Tx.t() -> term()) | {module(), atom()}

  use KnockerSqlite.Operations
  use KnockerSqlite.Attaching

  @doc """
  Opens an inbox: `{:ok, inbox}`. It stays open until `close/1`.

  Options, of the file's engine: `queue_name`, `busy_timeout_ms` (5,000), `receive_timeout_ms` (2,500),
  `max_body_bytes` (25 MiB), `max_orphans`, `max_orphan_bytes`, `max_orphan_body_bytes`, `max_orphans_per_s`,
  `redact_headers`, `file_mode`, `migrate` (`"auto"` or `"never"`), `journal_mode`, `foreign_keys`,
  `engine` (`"embedded"`, or `"host"` for the SQLite that has loaded the library as an extension),
  `max_transaction_s` (3), `max_attempts` (12), `backoff_initial_s` (1), `backoff_factor` (3), `backoff_max_s`
  (3,600), `backoff_jitter`, `allow_network_file_system`, and for tests `clock: [now_s: n]`. Also `name`, `endpoints`,
  `handlers` and `worker` as for `start_link/1`.

  The same file opened again shares one engine; differing options are `:open_options_conflict`. Errors also:
  `:cannot_open`, `:not_a_database`, `:migration_needed`, `:unsupported_platform` and others.
  """
  @spec open(Path.t(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def open(path, options \\ []) do
    with :ok <- keyword(options),
         {:ok, _} <- Application.ensure_all_started(:knocker_sqlite),
         options = Keyword.merge(options, path: path, opened: true),
         child = %{id: __MODULE__, start: {__MODULE__, :start_link, [options]}, restart: :temporary, type: :supervisor},
         {:ok, supervisor} <- DynamicSupervisor.start_child(KnockerSqlite.Inboxes, child) do
      Registry.find(supervisor)
    else
      {:error, reason} -> {:error, start_error(reason)}
    end
  end

  @doc "As `open/2`, but returns the inbox or raises `KnockerSqlite.Error`."
  @spec open!(Path.t(), keyword()) :: t()
  def open!(path, options \\ []), do: path |> open(options) |> Error.unwrap!()

  defp keyword(options),
    do: if(Keyword.keyword?(options), do: :ok, else: Arguments.refuse("a keyword list of options", options))

  # A supervisor wraps what its child could not start with.
  defp start_error(%Error{} = error), do: error
  defp start_error({:shutdown, {:failed_to_start_child, _, reason}}), do: start_error(reason)
  defp start_error({:already_started, _}), do: Error.new(:invalid_state, "An inbox of this name is started already.")
  defp start_error(reason), do: Error.new(:cannot_open, "The inbox could not be started: #{inspect(reason)}.")

  @doc """
  Starts an inbox as a supervisor, linked to the caller: the inbox's process and its worker.

    * `path` - the file; required
    * `name` - an atom, `{:global, term}` or `{:via, module, term}` by which functions find it
    * `endpoints` - a list of the arguments of `add_endpoint/2`
    * `handlers` - a list of `{endpoint, handler}`, `{endpoint, event_type, handler}` or with options as a fourth
    * `worker` - options of `start_worker/2`, or false. Defaults to one that runs one handler at a time where there
      are `handlers`, else to false
    * all options of `open/2`
  """
  @spec start_link(keyword()) :: Supervisor.on_start()
  def start_link(options), do: KnockerSqlite.Supervisor.start_link(options)

  @doc "The child of a supervision tree. Its id is the `name`, or the module."
  @spec child_spec(keyword()) :: Supervisor.child_spec()
  def child_spec(options) do
    id = options[:id] || options[:name] || __MODULE__
    %{id: id, start: {__MODULE__, :start_link, [options]}, type: :supervisor}
  end

  @doc """
  Closes an inbox that `open/2` has opened: `:ok`. Its workers stop first: running handlers may finish within their
  `stop_timeout_s`. Errors: `:closed`; `:invalid_state` for one of a supervision tree, which its supervisor closes. One that is attached has nothing to close.
  """
  @spec close(inbox()) :: :ok | {:error, Error.t()}
  def close(%__MODULE__{handle: {:host, _}}), do: :ok

  def close(inbox) do
    with {:ok, %{supervisor: supervisor, pid: pid}} <- Registry.find(inbox) do
      cond do
        not Process.alive?(pid) ->
          {:error, Error.new(:closed, "The inbox is closed.")}

        DynamicSupervisor.terminate_child(KnockerSqlite.Inboxes, supervisor) == :ok ->
          :ok

        true ->
          {:error, Error.new(:invalid_state, "This inbox belongs to a supervision tree: its supervisor closes it.")}
      end
    end
  end

  @doc "As `close/1`, but raises `KnockerSqlite.Error`."
  @spec close!(inbox()) :: :ok
  def close!(inbox) do
    with {:error, error} <- close(inbox), do: raise(error)
  end

  @doc """
  Adds an endpoint, or updates the one of this name.

    * `name` - required
    * `path` - a label for people. Defaults to `/webhooks/<name>`
    * `provider` - how the sender signs, such as "stripe" or "github"
    * `secrets` - one text or a list; any of them verifies. They stay in this program's memory
    * `provider_options` - the provider's own options
    * `url` - the public URL, for providers that sign it
    * `enabled` - whether it receives. Defaults to true
    * `unhandled` - what becomes of events that no handler is for: "dead" (default), "ignore" or "leave"
    * `split_batches` - a batch's items become events. Defaults to true
    * `event_key` - where the identity is: "header:<name>" or "body:<path>"
    * `max_body_bytes`, `max_attempts`, `backoff_*` - default to the inbox's

  Errors: `:invalid_argument`, `:invalid_secret`, `:unknown_provider`, `:provider_mismatch`, `:path_taken`.
  """
  @spec add_endpoint(inbox(), fields()) :: {:ok, reply()} | {:error, Error.t()}
  def add_endpoint(inbox, arguments), do: Operation.run(inbox, "add_endpoint", %{}, arguments)

  @doc "As `add_endpoint/2`, but returns the endpoint or raises `KnockerSqlite.Error`."
  @spec add_endpoint!(inbox(), fields()) :: reply()
  def add_endpoint!(inbox, arguments), do: inbox |> add_endpoint(arguments) |> Error.unwrap!()

  @doc """
  Verifies and stores one HTTP request; returns once it is on disk.

    * `endpoint` - its name; required
    * `body` - the raw bytes exactly as they arrived (binary or iodata). A parsed body (a map) is `:body_consumed`
    * `headers` - `conn.req_headers`, or a map
    * `query` - `conn.query_string`, or a map or pairs. `%Plug.Conn.Unfetched{}` counts as none
    * `method` - defaults to "POST"; `url` - the public URL of this request
    * `provider`, `secrets`, `provider_options` - for this call, before the endpoint's
    * `provider_event_id`, `provider_delivery_id`, `event_type`, `dedupe_key` - before the provider's
    * `queue_name`, `max_attempts` - of the job
    * `timeout_ms` - the longest wait for the database. Defaults to the inbox's `receive_timeout_ms`

  The result has `"status_code"`, `"response"` (`"status_code"`, `"headers"`, `"body"`), `"delivery_id"`,
  `"event_id"`, `"event_ids"`, `"duplicate"`, `"reason"`. A refused request is a result too (401). Errors, where
  nothing could be stored: `:unknown_endpoint`, `:busy`, `:no_verifier`, `:body_consumed` and others; their
  `http_status` is what to answer then. If the calling process dies before its receipt is being stored, nothing is.
  """
  @spec receive(inbox(), fields()) :: {:ok, reply()} | {:error, Error.t()}
  def receive(inbox, arguments), do: take_in(inbox, arguments, false)

  @doc "As `receive/2`, but returns the result or raises `KnockerSqlite.Error`."
  @spec receive!(inbox(), fields()) :: reply()
  def receive!(inbox, arguments), do: inbox |> __MODULE__.receive(arguments) |> Error.unwrap!()

  @doc """
  Stores a request that a trusted layer has verified; no provider looks at it.

  Arguments as for `receive/2`, and `signature_valid` (true, false, nil: unknown) and `signature_error`, stored as given.
  """
  @spec ingest(inbox(), fields()) :: {:ok, reply()} | {:error, Error.t()}
  def ingest(inbox, arguments), do: take_in(inbox, arguments, true)

  @doc "As `ingest/2`, but returns the result or raises `KnockerSqlite.Error`."
  @spec ingest!(inbox(), fields()) :: reply()
  def ingest!(inbox, arguments), do: inbox |> ingest(arguments) |> Error.unwrap!()

  defp take_in(inbox, arguments, ingest) do
    started = System.monotonic_time()

    with {:ok, inbox} <- Registry.find(inbox),
         {:ok, request, body} <- Arguments.receipt(arguments, ingest) do
      answer = deliver(inbox, request, body)
      Telemetry.execute([:receive, :stop], measured(started, body), described(request, answer))
      answer
    end
  rescue
    # Text that is not UTF-8 in a field that is no header.
    error in ArgumentError ->
      {:error, Error.new(:invalid_argument, "An argument can't be sent: #{Exception.message(error)}.")}
  end

  defp deliver(%{handle: {:host, _} = host}, request, body), do: Host.call(host, "receive", request, body)
  defp deliver(inbox, request, body), do: Inbox.receive(inbox, request, body)

  defp measured(started, body), do: %{duration: System.monotonic_time() - started, body_bytes: byte_size(body)}

  defp described(request, {:ok, result}) do
    %{
      endpoint: request["endpoint"],
      status_code: result["status_code"],
      event_id: result["event_id"],
      duplicate: result["duplicate"],
      reason: result["reason"],
      error: nil
    }
  end

  defp described(request, {:error, error}),
    do: %{
      endpoint: request["endpoint"],
      status_code: error.http_status,
      event_id: nil,
      duplicate: false,
      reason: nil,
      error: error
    }

  @doc """
  Registers a function for an endpoint's events, and returns the inbox: `register_handler(inbox, endpoint, function)`
  for all of them, `register_handler(inbox, endpoint, event_type, function)` for one type, exact or a prefix such as
  "invoice.*". Registering again replaces. Raises `KnockerSqlite.Error`.

  Options: `max_attempts`, `backoff_initial_s`, `backoff_factor`, `backoff_max_s`, `backoff_jitter`, `timeout_s`.
  """
  @spec register_handler(inbox, String.t(), handler()) :: inbox when inbox: inbox()
  def register_handler(inbox, endpoint, handler), do: register_handler(inbox, endpoint, nil, handler, [])

  @spec register_handler(inbox, String.t(), String.t() | nil, handler()) :: inbox when inbox: inbox()
  def register_handler(inbox, endpoint, event_type, handler),
    do: register_handler(inbox, endpoint, event_type, handler, [])

  @spec register_handler(inbox, String.t(), String.t() | nil, handler(), fields()) :: inbox when inbox: inbox()
  def register_handler(inbox, endpoint, event_type, handler, options) do
    inbox |> handler(endpoint, event_type, handler, options) |> Error.unwrap!()
    inbox
  end

  @doc "Registers a function as `register_handler/5` does; answers the handler's number, for `unregister_handler/2`."
  @spec handler(inbox(), String.t(), String.t() | nil, handler(), fields()) ::
          {:ok, pos_integer()} | {:error, Error.t()}
  def handler(inbox, endpoint, event_type, handler, options \\ []) do
    with {:ok, inbox} <- Registry.find(inbox), do: Setup.register(inbox, endpoint, event_type, handler, options)
  end

  @doc """
  Starts a worker of an inbox, which runs the handlers, each in a process of its own: `{:ok, pid}`.

    * `concurrency` - how many run at once. Defaults to 1
    * `lease_s` - how long a job is held without a sign of life. Defaults to 60
    * `worker_id` - a name for people; a random suffix is added
    * `endpoints` - only theirs. Defaults to all
    * `stop_timeout_s` - how long stopping waits for running handlers. Defaults to 30
    * `handler_timeout_s` - the longest run of one handler. Defaults to 900
    * `handler_synchronous` - "normal" (default) or "full"
  """
  @spec start_worker(inbox(), keyword()) :: {:ok, pid()} | {:error, Error.t()}
  def start_worker(inbox, options \\ []) do
    with {:ok, inbox} <- Registry.find(inbox), :ok <- own_processes(inbox) do
      case KnockerSqlite.Supervisor.start_worker(inbox, options) do
        {:ok, pid} -> {:ok, pid}
        {:error, reason} -> {:error, start_error(reason)}
      end
    end
  end

  defp own_processes(%{handle: {:host, _}}) do
    message = "A worker of an attached inbox runs in the process that calls run_worker/2, whose connection it is."
    {:error, Error.new(:invalid_state, message)}
  end

  defp own_processes(_), do: :ok

  @doc "As `start_worker/2`, but returns the worker's process or raises `KnockerSqlite.Error`."
  @spec start_worker!(inbox(), keyword()) :: pid()
  def start_worker!(inbox, options \\ []), do: inbox |> start_worker(options) |> Error.unwrap!()

  @doc "Starts a worker and waits until it ends, as by `stop/2`: `:ok`. Options as for `start_worker/2`."
  @spec run_worker(inbox(), keyword()) :: :ok | {:error, Error.t()}
  def run_worker(inbox, options \\ [])
  def run_worker(%__MODULE__{handle: {:host, _}} = inbox, options), do: Host.run(inbox, options)

  def run_worker(inbox, options) do
    with {:ok, worker} <- start_worker(inbox, options) do
      monitor = Process.monitor(worker)

      receive do
        {:DOWN, ^monitor, _, _, {:shutdown, %Error{code: code} = error}} when code != :closed -> {:error, error}
        {:DOWN, ^monitor, _, _, _} -> :ok
      end
    end
  end

  @doc """
  Handles what is due now, one event after the other, and returns what became of each:
  `{:ok, [%{"event_id" => id, "status" => text, "error" => nil or map}]}`. For tests and scripts; all is committed
  when it returns. Options as for `start_worker/2`.
  """
  @spec run_worker_once(inbox(), keyword()) :: {:ok, [reply()]} | {:error, Error.t()}
  def run_worker_once(inbox, options \\ [])
  def run_worker_once(%__MODULE__{handle: {:host, _}} = inbox, options), do: Host.run_once(inbox, options)

  def run_worker_once(inbox, options) do
    with {:ok, inbox} <- Registry.find(inbox), do: KnockerSqlite.Once.run(inbox, options)
  end

  @doc "As `run_worker_once/2`, but returns the list or raises `KnockerSqlite.Error`."
  @spec run_worker_once!(inbox(), keyword()) :: [reply()]
  def run_worker_once!(inbox, options \\ []), do: inbox |> run_worker_once(options) |> Error.unwrap!()

  @doc """
  Stops all workers of an inbox: `{:ok, %{"rolled_back" => [event id], "given_back" => n}}`, what was left over.

  Running handlers may finish within `deadline_ms` (defaults to each worker's `stop_timeout_s`); then they are ended
  and their writes rolled back. A worker of a supervision tree is started again by its supervisor.
  """
  @spec stop(inbox(), non_neg_integer() | nil) :: {:ok, reply()} | {:error, Error.t()}
  def stop(inbox, deadline_ms \\ nil) do
    with {:ok, inbox} <- Registry.find(inbox),
         :ok <- own_processes(inbox),
         :ok <- Worker.deadline(deadline_ms) do
      reports =
        for worker <- KnockerSqlite.Supervisor.workers(inbox),
            {:ok, report} <- [Worker.stop(worker, deadline_ms)],
            do: report

      rolled_back = Enum.flat_map(reports, & &1["rolled_back"])
      {:ok, %{"rolled_back" => rolled_back, "given_back" => reports |> Enum.map(& &1["given_back"]) |> Enum.sum()}}
    end
  end

  @doc "The JSON of an event's body. Raises if it is none."
  @spec json(event()) :: JSON.value()
  def json(%{"body_blob" => body}), do: JSON.decode!(body)

  for {items, list} <- [
        events: :list_events,
        deliveries: :list_deliveries,
        endpoints: :list_endpoints,
        running: :list_running,
        audits: :list_prune_audits
      ] do
    @doc "All pages of `#{list}/2` as a stream, one page read at a time. Raises `KnockerSqlite.Error` while it is read."
    @spec unquote(:"stream_#{items}")(inbox(), fields()) :: Enumerable.t()
    def unquote(:"stream_#{items}")(inbox, options \\ []),
      do: Streams.pages(unquote(to_string(items)), &unquote(list)(inbox, &1), options)
  end

  for {name, about} <- KnockerSqlite.Bulk.methods() do
    @doc "#{about} Filter and options: see `KnockerSqlite.Bulk`."
    @spec unquote(name)(inbox(), fields(), fields()) :: {:ok, reply()} | {:error, Error.t()}
    defdelegate unquote(name)(inbox, filter, options \\ []), to: KnockerSqlite.Bulk

    @doc "As `#{name}/3`, but returns the sums or raises `KnockerSqlite.Error`."
    @spec unquote(:"#{name}!")(inbox(), fields(), fields()) :: reply()
    defdelegate unquote(:"#{name}!")(inbox, filter, options \\ []), to: KnockerSqlite.Bulk
  end

  @doc "The same as `start_retention/2` with this `policy`: the library removes what is too old from now on."
  @spec run_retention(inbox(), fields()) :: {:ok, reply()} | {:error, Error.t()}
  def run_retention(inbox, policy \\ []) do
    with {:ok, policy} <- Arguments.named(policy), do: start_retention(inbox, policy: policy)
  end

  @doc "As `run_retention/2`, but raises `KnockerSqlite.Error`."
  @spec run_retention!(inbox(), fields()) :: reply()
  def run_retention!(inbox, policy \\ []), do: inbox |> run_retention(policy) |> Error.unwrap!()

  @doc "Lists the providers that the library knows: `{:ok, %{\"providers\" => [...]}}`."
  @spec providers() :: {:ok, reply()} | {:error, Error.t()}
  def providers do
    with :ok <- Library.load(), do: Operation.call(nil, "providers", %{})
  end

  @doc "As `providers/0`, but returns the list or raises `KnockerSqlite.Error`."
  @spec providers!() :: reply()
  def providers!, do: Error.unwrap!(providers())

  @doc """
  Signs a request as a provider would, for tests: `"method"`, `"headers"`, `"query"`, `"body"`.

  Arguments: `provider`, `secret` or `secrets`, `body`, `at` (Unix seconds, defaults to now), `event_id`,
  `event_type`, `url`, `method`.
  """
  @spec sign(fields()) :: {:ok, reply()} | {:error, Error.t()}
  def sign(arguments) do
    with :ok <- Library.load(),
         {:ok, given} <- Arguments.named(arguments) do
      {body, given} = Map.pop(given, "body")
      {raw, _} = Arguments.body(body)
      given = if body, do: Map.put(given, "body_base64", Base.encode64(raw)), else: given
      Operation.call(nil, "sign", Arguments.endpoint(given))
    end
  end

  @doc "As `sign/1`, but returns the request or raises `KnockerSqlite.Error`."
  @spec sign!(fields()) :: reply()
  def sign!(arguments), do: arguments |> sign() |> Error.unwrap!()

  defimpl Inspect do
    def inspect(inbox, _), do: "#KnockerSqlite<#{Kernel.inspect(inbox.path)}, #{Kernel.inspect(inbox.pid)}>"
  end
end
