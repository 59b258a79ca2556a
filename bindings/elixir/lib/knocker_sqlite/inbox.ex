defmodule KnockerSqlite.Inbox do
  @moduledoc false
  # The process of an open inbox. It owns the handle, and carries the receives
  # of all other processes: it starts what came in meanwhile in one call, and
  # gives out what is done when the completion descriptor says so. So any
  # number of receives wait without holding a scheduler, and share commits.

  use GenServer

  alias KnockerSqlite.{Arguments, Error, JSON, Library, Native, Registry, Setup}

  # How many receives are started by one call of the NIF.
  @batch 64

  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options) do
    case options[:name] do
      nil -> GenServer.start_link(__MODULE__, {options, self()})
      name -> with {:ok, name} <- server_name(name), do: GenServer.start_link(__MODULE__, {options, self()}, name: name)
    end
  end

  defp server_name(name) when is_atom(name), do: {:ok, name}
  defp server_name({:global, _} = name), do: {:ok, name}
  defp server_name({:via, module, _} = name) when is_atom(module), do: {:ok, name}
  defp server_name(other), do: Arguments.refuse("a name: an atom, {:global, term} or {:via, module, term}", other)

  @doc "Takes in one request and waits until it is on disk. The wait is bounded by the core."
  @spec receive(KnockerSqlite.t(), map(), binary()) :: {:ok, map()} | {:error, Error.t()}
  def receive(%{pid: pid}, request, body) do
    json = JSON.encode!(request)
    monitor = Process.monitor(pid)
    send(pid, {:knocker_receive, self(), monitor, json, body})

    receive do
      {^monitor, outcome} ->
        Process.demonitor(monitor, [:flush])
        outcome

      {:DOWN, ^monitor, _, _, _} ->
        {:error, Error.new(:closed)}
    end
  end

  @impl true
  def init({options, supervisor}) do
    Process.flag(:trap_exit, true)
    Process.flag(:message_queue_data, :off_heap)

    with :ok <- Library.load(),
         {:ok, handle, info} <- Library.open(Setup.open_request(options)),
         inbox = %KnockerSqlite{pid: self(), supervisor: supervisor, handle: handle, path: info["path"], info: info},
         {:ok, %{"descriptor" => descriptor}} <- Library.call(handle, "completion_descriptor", %{}),
         {:ok, watch} <- watch(descriptor),
         :ok <- Setup.apply(inbox, options) do
      Registry.put(inbox, supervisor)
      {:ok, %{inbox: inbox, watch: watch, waiting: %{}, monitors: %{}}}
    else
      {:error, error} -> {:stop, error}
    end
  end

  defp watch(descriptor) do
    with watch when is_reference(watch) <- Native.watch_open(descriptor),
         :ok <- Native.watch_select(watch) do
      {:ok, watch}
    else
      _ -> {:error, Error.new(:internal, "The completion descriptor can't be watched: are there too many open files?")}
    end
  end

  @impl true
  def handle_call(:inbox, _from, state), do: {:reply, {:ok, state.inbox}, state}

  @impl true
  def handle_info({:knocker_receive, _, _, _, _} = first, state), do: {:noreply, start(collect([first], 1), state)}

  def handle_info({:select, watch, _, :ready_input}, %{watch: watch} = state) do
    case state.inbox.handle |> Native.receive_poll() |> Library.answer() do
      {:ok, %{"completed" => completed}} ->
        state = Enum.reduce(completed, state, &complete/2)
        :ok = Native.watch_select(watch)
        {:noreply, state}

      # The library is out of order, or the file was closed: nothing comes any more.
      {:error, error} ->
        {:stop, {:shutdown, error}, fail_all(state, error)}
    end
  end

  def handle_info({:DOWN, monitor, :process, _, _}, state), do: {:noreply, cancel(monitor, state)}
  def handle_info({:EXIT, _, reason}, state), do: {:stop, reason, state}
  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state) do
    Registry.drop(state.inbox)
    Library.close(state.inbox.handle)
    fail_all(state, Error.new(:closed))
  end

  # What else came in while the last batch was started.
  defp collect(found, @batch), do: Enum.reverse(found)

  defp collect(found, count) do
    receive do
      {:knocker_receive, _, _, _, _} = next -> collect([next | found], count + 1)
    after
      0 -> Enum.reverse(found)
    end
  end

  defp start(requests, state) do
    replies = Native.receive_start(state.inbox.handle, for({_, _, _, json, body} <- requests, do: {json, body}))
    requests |> Enum.zip(replies) |> Enum.reduce(state, &started/2)
  end

  defp started({{_, caller, reference, _, _}, reply}, state) do
    case Library.answer(reply) do
      {:ok, %{"ticket" => ticket}} ->
        monitor = Process.monitor(caller)

        %{
          state
          | waiting: Map.put(state.waiting, ticket, {caller, reference, monitor}),
            monitors: Map.put(state.monitors, monitor, ticket)
        }

      {:error, error} ->
        send(caller, {reference, {:error, error}})
        state
    end
  end

  defp complete(%{"ticket" => ticket} = outcome, state) do
    case Map.pop(state.waiting, ticket) do
      {nil, _} ->
        state

      {{caller, reference, monitor}, waiting} ->
        Process.demonitor(monitor, [:flush])
        send(caller, {reference, outcome(outcome)})
        %{state | waiting: waiting, monitors: Map.delete(state.monitors, monitor)}
    end
  end

  defp outcome(%{"ok" => result}), do: {:ok, result}
  defp outcome(%{"error" => error}), do: {:error, Error.from_reply(error)}

  # The caller has died: nothing is stored, unless it is being stored already.
  defp cancel(monitor, state) do
    case Map.pop(state.monitors, monitor) do
      {nil, _} ->
        state

      {ticket, monitors} ->
        Native.receive_cancel(state.inbox.handle, JSON.encode!(%{"ticket" => ticket}))
        %{state | monitors: monitors, waiting: Map.delete(state.waiting, ticket)}
    end
  end

  defp fail_all(state, error) do
    for {_, {caller, reference, _}} <- state.waiting, do: send(caller, {reference, {:error, error}})
    %{state | waiting: %{}, monitors: %{}}
  end
end
