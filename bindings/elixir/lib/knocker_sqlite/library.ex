defmodule KnockerSqlite.Library do
  @moduledoc false
  # The shared library, found and loaded at the first use, called with terms.

  alias KnockerSqlite.{Error, Host, JSON, Native}

  # How far above this file a checkout's root is: <root>/bindings/elixir/lib/knocker_sqlite.
  @checkout Path.expand("../../../..", __DIR__)

  @type reply :: {:ok, term()} | {:error, Error.t()}

  @doc "Loads the library unless it is loaded."
  @spec load() :: :ok | {:error, Error.t()}
  def load do
    case Native.failure() do
      nil ->
        find_and_load()

      reason ->
        unsupported(
          "This package's NIF can't be loaded here (#{reason}). Compile it anew: mix deps.compile knocker_sqlite --force."
        )
    end
  end

  defp find_and_load do
    with {:ok, path} <- find() do
      case Native.load_library(path) do
        :ok -> :ok
        {:error, reason} -> unsupported("The library #{path} can't be loaded here: #{reason}.")
      end
    end
  end

  @doc "The file of the library: the configured one, the one in the package, or the one that a checkout has built."
  @spec find() :: {:ok, String.t()} | {:error, Error.t()}
  def find do
    configured = Application.get_env(:knocker_sqlite, :library)
    packaged = Path.join([to_string(Native.priv_dir()), "lib", file_name()])
    built = Path.join([@checkout, "build", file_name()])

    cond do
      configured != nil ->
        {:ok, configured}

      File.regular?(packaged) ->
        {:ok, packaged}

      File.regular?(Path.join(@checkout, "capi/knocker.h")) and File.regular?(built) ->
        {:ok, built}

      true ->
        unsupported(
          "This installation of knocker_sqlite has no #{file_name()}; in a checkout run `make lib`. Looked at #{packaged}."
        )
    end
  end

  defp file_name, do: if(:os.type() == {:unix, :darwin}, do: "libknocker.dylib", else: "libknocker.so")

  defp unsupported(message), do: {:error, Error.new(:unsupported_platform, message)}

  @doc "Opens an inbox: its handle, and what the library says of it."
  @spec open(map()) :: {:ok, Native.handle(), map()} | {:error, Error.t()}
  def open(request), do: with_handle(fn -> Native.open(JSON.encode!(request)) end)

  @doc "Closes an inbox."
  @spec close(Native.handle()) :: reply()
  def close(db), do: db |> Native.close() |> answer()

  @doc "Calls an endpoint, read or action method by its name; without an inbox where it needs none."
  @spec call(Native.handle() | Host.handle() | nil, String.t(), map()) :: reply()
  def call({:host, _} = host, method, request), do: guarded(fn -> Host.call(host, method, request) end)
  def call(db, method, request), do: guarded(fn -> db |> Native.call(method, JSON.encode!(request)) |> answer() end)

  @doc "Opens a worker."
  @spec worker_open(Native.handle(), map()) :: {:ok, Native.handle(), map()} | {:error, Error.t()}
  def worker_open(db, request), do: with_handle(fn -> Native.worker_open(db, JSON.encode!(request)) end)

  @doc "Ends a step, waits for the next one, or both; also the handle of the step that was claimed."
  @spec worker_step(Native.handle(), map()) :: {:ok, Native.handle() | nil, map()} | {:error, Error.t()}
  def worker_step(worker, request), do: with_handle(fn -> Native.worker_step(worker, JSON.encode!(request)) end)

  @doc "Stops a worker: what still runs is rolled back at once."
  @spec worker_stop(Native.handle()) :: reply()
  def worker_stop(worker), do: worker |> Native.worker_stop(JSON.encode!(%{"deadline_ms" => 0})) |> answer()

  @doc "Closes a worker."
  @spec worker_close(Native.handle()) :: reply()
  def worker_close(worker), do: worker |> Native.worker_close() |> answer()

  @doc "Runs one operation in a step's transaction."
  @spec tx(Native.handle(), map(), [binary()]) :: reply()
  def tx(step, request, blobs), do: guarded(fn -> step |> Native.tx(JSON.encode!(request), blobs) |> answer() end)

  @doc "What a reply says."
  @spec answer(Native.reply()) :: reply()
  def answer(:no_memory), do: {:error, Error.new(:internal, "The library had no memory for its reply.")}

  def answer(text) do
    case JSON.decode!(text) do
      %{"ok" => value} -> {:ok, value}
      %{"error" => error} -> {:error, Error.from_reply(error)}
    end
  end

  defp with_handle(call) do
    guarded(fn ->
      {reply, handle} = call.()

      case answer(reply) do
        {:ok, value} -> {:ok, handle, value}
        {:error, error} -> {:error, error}
      end
    end)
  end

  # What has no JSON form, such as text that is not UTF-8 in an option.
  defp guarded(call) do
    call.()
  rescue
    error in [ArgumentError, FunctionClauseError] ->
      {:error, Error.new(:invalid_argument, "An argument can't be sent: #{Exception.message(error)}.")}
  end
end
