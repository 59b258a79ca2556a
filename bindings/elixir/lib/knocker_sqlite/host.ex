defmodule KnockerSqlite.Host do
  @moduledoc false
  # An inbox on a connection of the application's: the library's calls, each a
  # SELECT by the function that the application gave, and the worker's loop
  # around its transactions. Handlers run in the calling process, which is the
  # one that the connection may belong to.

  alias KnockerSqlite.{Arguments, Error, Event, JSON, Library, Outcome, Registry}

  @type handle :: {:host, KnockerSqlite.query()}

  # How long a worker pauses after an error that can pass.
  @pause_ms 500
  # The longest pause between two looks for something to do.
  @look_ms 100

  @doc "Loads the library by the function of SQL, which the connection has to allow."
  @spec load(KnockerSqlite.query(), boolean()) :: :ok | {:error, Error.t()}
  def load(query, bootstrap) do
    sql = if bootstrap, do: "SELECT load_extension(?)", else: "SELECT load_extension(?, 'knocker_manual_init')"

    with {:ok, path} <- Library.find(),
         {:ok, _} <- run(query, sql, [path]),
         do: :ok
  end

  @doc "Attaches an inbox; loads the library where the connection has not got it."
  @spec attach(KnockerSqlite.query(), map(), term()) :: {:ok, KnockerSqlite.t()} | {:error, Error.t()}
  def attach(query, options, tx) do
    handle = {:host, query}
    request = %{"handler_scope" => "elixir", "options" => options}

    with :ok <- loaded(query),
         {:ok, info} <- call(handle, "attach", request) do
      info = Map.merge(info, %{"engine" => "host", "tx" => tx})
      {:ok, %KnockerSqlite{pid: self(), supervisor: self(), handle: handle, path: info["path"], info: info}}
    end
  end

  defp loaded(query) do
    case run(query, "SELECT knocker_version()", []) do
      {:ok, _} -> :ok
      {:error, _} -> load(query, false)
    end
  end

  @doc "Calls a method of the library, with a receipt's body where it has one."
  @spec call(handle(), String.t(), map(), binary() | nil) :: Library.reply()
  def call({:host, query}, method, request, body \\ nil) do
    text = JSON.encode!(request)

    reply =
      if body,
        do: run(query, "SELECT knocker_call(?, ?, ?)", [method, text, {:blob, body}]),
        else: run(query, "SELECT knocker_call(?, ?)", [method, text])

    case reply do
      {:ok, [[answer]]} -> Library.answer(answer)
      {:ok, other} -> {:error, Error.new(:internal, "The query function answered #{inspect(other)} for one value.")}
      {:error, error} -> {:error, error}
    end
  end

  defp run(query, sql, parameters) do
    case query.(sql, parameters) do
      {:ok, rows} -> {:ok, rows}
      {:error, reason} -> {:error, error(reason)}
    end
  end

  # What the library raises in SQL begins with its code.
  defp error(%Error{} = error), do: error
  defp error(%{__exception__: true} = exception), do: error(Exception.message(exception))

  defp error(reason) when is_binary(reason) do
    case Regex.run(~r/^(?:error during initialization: )?([a-z_]+): (.*)$/s, reason) do
      [_, code, message] -> Error.from_text(code, message) || Error.new(:sql_error, reason)
      nil -> Error.new(:sql_error, reason)
    end
  end

  defp error(reason), do: Error.new(:sql_error, inspect(reason))

  @doc "Handles what is due now, in the calling process."
  @spec run_once(KnockerSqlite.t(), keyword() | map()) :: {:ok, [map()]} | {:error, Error.t()}
  def run_once(inbox, options), do: with_worker(inbox, options, &pass(inbox, &1, []))

  @doc "Handles events in the calling process until that ends."
  @spec run(KnockerSqlite.t(), keyword() | map()) :: {:error, Error.t()}
  def run(inbox, options), do: with_worker(inbox, options, &serve(inbox, &1))

  defp with_worker(inbox, options, work) do
    with {:ok, given} <- Arguments.named(options),
         request = Map.new(given, fn {name, value} -> {name, Arguments.value(value)} end),
         :ok <- alone(request),
         {:ok, %{"worker" => worker}} <- call(inbox.handle, "worker_open", request) do
      try do
        work.(worker)
      after
        call(inbox.handle, "worker_close", %{"worker" => worker})
      end
    end
  end

  defp alone(%{"concurrency" => concurrency}) when is_integer(concurrency) and concurrency > 1 do
    {:error,
     Error.new(
       :invalid_argument,
       "concurrency: #{concurrency} handlers at a time need as many connections, and the inbox is attached to one."
     )}
  end

  defp alone(_), do: :ok

  defp pass(inbox, worker, done) do
    case call(inbox.handle, "worker_next", %{"worker" => worker}) do
      {:ok, %{"step" => nil}} ->
        {:ok, Enum.reverse(done)}

      {:ok, %{"step" => step}} ->
        with({:ok, finished} <- handle(inbox, step), do: pass(inbox, worker, [finished | done]))

      {:error, error} ->
        {:error, error}
    end
  end

  defp serve(inbox, worker) do
    case call(inbox.handle, "worker_next", %{"worker" => worker}) do
      {:ok, %{"step" => nil, "wait_ms" => wait}} -> sleep(min(wait, @look_ms))
      {:ok, %{"step" => step}} -> handle(inbox, step)
      {:error, %Error{retryable: true, code: code}} when code != :closed -> sleep(@pause_ms)
      {:error, error} -> {:error, error}
    end
    |> case do
      {:error, error} -> {:error, error}
      _ -> serve(inbox, worker)
    end
  end

  defp sleep(milliseconds), do: Process.sleep(milliseconds)

  # BEGIN, the handler, "handled", COMMIT; or ROLLBACK, and what became of it.
  defp handle(%{handle: {:host, query}} = inbox, step) do
    case run(query, "BEGIN IMMEDIATE", []) do
      {:ok, _} ->
        in_transaction(inbox, query, step)

      # The database is locked, most likely: the handler has not run.
      {:error, _} ->
        sleep(@pause_ms)
        finish(inbox, step, Outcome.give_back())
    end
  end

  defp in_transaction(inbox, query, step) do
    with %{"kind" => "handled"} = handled <- outcome(inbox, step),
         {:ok, finished} <- finish(inbox, step, handled),
         {:ok, _} <- run(query, "COMMIT", []) do
      {:ok, finished}
    else
      {:error, error} -> undo(inbox, query, step, Outcome.exception(error))
      outcome -> undo(inbox, query, step, outcome)
    end
  end

  defp undo(inbox, query, step, outcome) do
    # It fails where the handler has ended the transaction by itself.
    run(query, "ROLLBACK", [])

    case finish(inbox, step, outcome) do
      # The handler chose an outcome that is none, such as {:retry_after, -1}: that is its failure.
      {:error, %Error{code: :invalid_argument} = error} -> finish(inbox, step, Outcome.exception(error))
      other -> other
    end
  end

  defp finish(inbox, step, outcome),
    do: call(inbox.handle, "step_finish", %{"step" => step["step"], "outcome" => outcome})

  defp outcome(inbox, step) do
    handler = Registry.handler(step["handler"])

    with {:ok, _} <- call(inbox.handle, "step_begin", %{"step" => step["step"]}) do
      # Replaced since the claim: the next claim finds the new one.
      if handler, do: handled(handler, Event.from_reply(step["event"]), inbox.info["tx"]), else: Outcome.give_back()
    end
  end

  defp handled(handler, event, tx) do
    handler.(event, tx) |> Outcome.of()
  rescue
    exception -> Outcome.exception(exception)
  catch
    :throw, thrown -> Outcome.failed("throw", inspect(thrown))
    :exit, reason -> Outcome.failed("exit", Exception.format_exit(reason))
  end
end
