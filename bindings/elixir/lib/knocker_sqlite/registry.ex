defmodule KnockerSqlite.Registry do
  @moduledoc false
  # Two tables: the open inboxes by process, and the functions of handlers by
  # the number that the library gave them. Numbers are unique in a process, and
  # inboxes of one file share their handlers, so that there is one map for all.
  # This process forgets inboxes whose process has died: what is in a table is
  # not garbage, so the library would keep them open. The tables are the
  # supervisor's, so that they survive this process.

  use GenServer

  alias KnockerSqlite.Error

  @inboxes __MODULE__.Inboxes
  @handlers __MODULE__.Handlers

  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc "Creates the tables, which belong to the calling process."
  @spec create_tables() :: :ok
  def create_tables do
    for table <- [@inboxes, @handlers], do: :ets.new(table, [:named_table, :public, :set, read_concurrency: true])
    :ok
  end

  @doc "Makes an inbox known by its process, and by the supervisor above it."
  @spec put(KnockerSqlite.t(), pid()) :: :ok
  def put(inbox, supervisor), do: GenServer.call(__MODULE__, {:put, inbox, supervisor})

  @doc "Forgets an inbox; the last one of its file takes the handlers along."
  @spec drop(KnockerSqlite.t()) :: :ok
  def drop(inbox), do: GenServer.call(__MODULE__, {:drop, inbox.pid})

  @doc "The inbox that is meant by itself, its process, its supervisor or its name."
  @spec find(KnockerSqlite.inbox()) :: {:ok, KnockerSqlite.t()} | {:error, Error.t()}
  def find(%KnockerSqlite{} = inbox), do: {:ok, inbox}

  def find(server) do
    with pid when is_pid(pid) <- whereis(server),
         [{_, inbox}] <- lookup(@inboxes, pid) do
      {:ok, inbox}
    else
      _ -> {:error, Error.new(:closed, "No inbox is open as #{inspect(server)}.")}
    end
  end

  defp whereis(server) when is_atom(server) and server not in [nil, true, false], do: Process.whereis(server)
  defp whereis(pid) when is_pid(pid), do: pid
  defp whereis({:global, _} = server), do: GenServer.whereis(server)
  defp whereis({:via, module, _} = server) when is_atom(module), do: GenServer.whereis(server)
  defp whereis(_), do: nil

  @doc "Keeps a handler's function."
  @spec put_handler(pos_integer(), String.t() | :host, function()) :: :ok
  def put_handler(number, path, function) do
    :ets.insert(@handlers, {number, path, function})
    :ok
  end

  @doc "Drops a handler's function."
  @spec drop_handler(pos_integer() | nil) :: :ok
  def drop_handler(number) do
    :ets.delete(@handlers, number)
    :ok
  end

  @doc "A handler's function, or nil where it was replaced meanwhile."
  @spec handler(pos_integer()) :: function() | nil
  def handler(number) do
    case lookup(@handlers, number) do
      [{_, _, function}] -> function
      [] -> nil
    end
  end

  defp lookup(table, key) do
    :ets.lookup(table, key)
  rescue
    # The application is stopped.
    ArgumentError -> []
  end

  @impl true
  def init(_) do
    # After a crash there are some.
    for {pid, %{pid: pid}} <- :ets.tab2list(@inboxes), do: Process.monitor(pid)
    {:ok, nil}
  end

  @impl true
  def handle_call({:put, inbox, supervisor}, _from, state) do
    Process.monitor(inbox.pid)
    :ets.insert(@inboxes, [{inbox.pid, inbox}, {supervisor, inbox}])
    {:reply, :ok, state}
  end

  def handle_call({:drop, pid}, _from, state) do
    forget(pid)
    {:reply, :ok, state}
  end

  @impl true
  def handle_info({:DOWN, _, :process, pid, _}, state) do
    forget(pid)
    {:noreply, state}
  end

  def handle_info(_, state), do: {:noreply, state}

  defp forget(pid) do
    with [{_, inbox}] <- :ets.lookup(@inboxes, pid) do
      :ets.match_delete(@inboxes, {:_, inbox})
      others? = Enum.any?(:ets.tab2list(@inboxes), fn {_, other} -> other.path == inbox.path end)
      unless others?, do: :ets.match_delete(@handlers, {:_, inbox.path, :_})
    end
  end
end
