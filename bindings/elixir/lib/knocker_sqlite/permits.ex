defmodule KnockerSqlite.Permits do
  @moduledoc false
  # How many processes may wait inside the library at once.
  #
  # A call that waits for the writer holds a dirty IO scheduler, of which a VM
  # has ten by default. Were all of them taken by waiting calls, then the
  # process that holds the writer could not get to its own next call, and
  # everybody would wait for a time limit. So calls that may wait take a permit
  # first, and four schedulers are always left for those that don't: the
  # handler whose transaction is open, receives (which never wait in there),
  # reads, and the VM's own files.

  use GenServer

  @left_free 4

  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_), do: GenServer.start_link(__MODULE__, permits(), name: __MODULE__)

  @doc "Runs a call that may wait inside the library."
  @spec with_permit((() -> result)) :: result when result: term()
  def with_permit(call) do
    :ok = GenServer.call(__MODULE__, :take, :infinity)

    try do
      call.()
    after
      GenServer.cast(__MODULE__, {:give, self()})
    end
  end

  @doc "Runs a call that waits, if a permit is free at once; else `:none`."
  @spec try_permit((() -> result)) :: result | :none when result: term()
  def try_permit(call) do
    case GenServer.call(__MODULE__, :try, :infinity) do
      :ok ->
        try do
          call.()
        after
          GenServer.cast(__MODULE__, {:give, self()})
        end

      :none ->
        :none
    end
  end

  defp permits, do: max(1, :erlang.system_info(:dirty_io_schedulers) - @left_free)

  @impl true
  def init(count), do: {:ok, %{free: count, waiting: :queue.new(), monitors: %{}}}

  # A waiting worker leaves room: it asks again soon, while others have work.
  @impl true
  def handle_call(:try, _from, %{free: free} = state) when free <= 1, do: {:reply, :none, state}
  def handle_call(:try, from, state), do: {:noreply, grant(from, state)}
  def handle_call(:take, from, %{free: 0} = state), do: {:noreply, wait(from, state)}
  def handle_call(:take, from, state), do: {:noreply, grant(from, state)}

  @impl true
  def handle_cast({:give, pid}, state), do: {:noreply, give(pid, state)}

  @impl true
  def handle_info({:DOWN, _, :process, pid, _}, state), do: {:noreply, give(pid, state)}
  def handle_info(_, state), do: {:noreply, state}

  defp grant({pid, _} = from, state) do
    GenServer.reply(from, :ok)
    %{state | free: state.free - 1, monitors: Map.put(state.monitors, pid, Process.monitor(pid))}
  end

  defp wait(from, state), do: %{state | waiting: :queue.in(from, state.waiting)}

  defp give(pid, state) do
    case Map.pop(state.monitors, pid) do
      {nil, _} ->
        state

      {monitor, monitors} ->
        Process.demonitor(monitor, [:flush])
        next(%{state | free: state.free + 1, monitors: monitors})
    end
  end

  defp next(state) do
    case :queue.out(state.waiting) do
      {:empty, _} ->
        state

      {{:value, {pid, _} = from}, waiting} ->
        state = %{state | waiting: waiting}
        if alive?(pid), do: grant(from, state), else: next(state)
    end
  end

  defp alive?(pid), do: node(pid) == node() and Process.alive?(pid)
end
