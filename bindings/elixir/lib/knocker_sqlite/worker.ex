defmodule KnockerSqlite.Worker do
  @moduledoc false
  # A worker: this process, one that claims, and one a concurrency slot.
  #
  # Only the claiming process waits inside the library, at most a second at a
  # time and only while a slot is idle. A slot that has just finished looks for
  # its next event by the same call, so that under load nobody waits for anybody.

  use GenServer

  alias KnockerSqlite.{Arguments, Claimer, Error, Library, Registry, Slot, Telemetry}

  # What a supervisor waits beyond the worker's own deadline.
  @margin_ms 5_000
  @default_stop_timeout_s 30
  # The longest wait that a VM has.
  @longest_ms 0xFFFFFFFF

  @spec child_spec({term(), keyword()}) :: Supervisor.child_spec()
  def child_spec({inbox, options}) do
    %{
      id: __MODULE__,
      start: {__MODULE__, :start_link, [{inbox, options}]},
      shutdown: stop_timeout_ms(options) + @margin_ms
    }
  end

  @spec start_link({term(), keyword() | map()}) :: GenServer.on_start()
  def start_link({inbox, options}), do: GenServer.start_link(__MODULE__, {inbox, options})

  @doc "Stops a worker; answers what was left over."
  @spec stop(pid(), non_neg_integer() | nil) :: {:ok, map()} | {:error, Error.t()}
  def stop(worker, deadline_ms) do
    monitor = Process.monitor(worker)
    GenServer.cast(worker, {:stop, self(), monitor, deadline_ms})

    receive do
      {^monitor, report} ->
        receive do
          {:DOWN, ^monitor, _, _, _} -> {:ok, report}
        end

      {:DOWN, ^monitor, _, _, _} ->
        {:error, Error.new(:closed, "The worker is stopped.")}
    end
  end

  @doc "Whether stop/2 takes this deadline."
  @spec deadline(term()) :: :ok | {:error, Error.t()}
  def deadline(deadline_ms) when deadline_ms == nil or deadline_ms in 0..@longest_ms, do: :ok
  def deadline(other), do: Arguments.refuse("deadline_ms of 0 to #{@longest_ms} whole milliseconds", other)

  # What is none is refused when the worker starts.
  defp stop_timeout_ms(options) do
    case Arguments.named(options) do
      {:ok, %{"stop_timeout_s" => seconds}} when is_number(seconds) and seconds >= 0 ->
        round(min(seconds * 1000, @longest_ms - @margin_ms))

      _ ->
        @default_stop_timeout_s * 1000
    end
  end

  @impl true
  def init({inbox, options}) do
    Process.flag(:trap_exit, true)

    with {:ok, inbox} <- Registry.find(inbox),
         {:ok, given} <- Arguments.named(options),
         {:ok, handle, reply} <- Library.worker_open(inbox.handle, Map.new(given, &plain/1)) do
      state = %{
        inbox: inbox,
        handle: handle,
        id: reply["worker_id"],
        stop_timeout_ms: stop_timeout_ms(options),
        claimer: Claimer.start_link(handle),
        claiming: false,
        idle: [],
        slots: MapSet.new(),
        asked: nil
      }

      Telemetry.execute([:worker, :start], %{concurrency: reply["concurrency"]}, %{
        worker_id: state.id,
        path: inbox.path
      })

      {:ok, Enum.reduce(1..reply["concurrency"], state, fn _, state -> add_slot(state) end)}
    else
      {:error, error} -> {:stop, error}
    end
  end

  defp plain({name, value}), do: {name, Arguments.value(value)}

  defp add_slot(state), do: %{state | slots: MapSet.put(state.slots, Slot.start_link(state.handle, state.id))}

  @impl true
  def handle_cast({:stop, from, reference, deadline_ms}, state) do
    deadline_ms = deadline_ms || state.stop_timeout_ms
    {:stop, :normal, %{state | asked: {from, reference}, stop_timeout_ms: deadline_ms}}
  end

  @impl true
  def handle_info({:idle, slot}, state), do: {:noreply, claim(%{state | idle: [slot | state.idle]})}

  def handle_info({:claimed, nil}, state), do: {:noreply, claim(%{state | claiming: false})}

  # The slot that it was claimed for has died meanwhile.
  def handle_info({:claimed, {_, step}}, %{idle: []} = state) do
    outcome = %{"step" => step["step"], "outcome" => KnockerSqlite.Outcome.give_back()}
    _ = Library.worker_step(state.handle, outcome)
    {:noreply, %{state | claiming: false}}
  end

  def handle_info({:claimed, {step_handle, step}}, state) do
    [slot | idle] = state.idle
    send(slot, {:run, step_handle, step})
    {:noreply, claim(%{state | claiming: false, idle: idle})}
  end

  # The inbox was closed under the worker, which ends it.
  def handle_info({:claim_failed, error}, state), do: {:stop, {:shutdown, error}, state}

  def handle_info({:EXIT, pid, reason}, state) do
    cond do
      pid == state.claimer -> {:stop, reason, state}
      MapSet.member?(state.slots, pid) -> {:noreply, claim(replace(state, pid))}
      true -> {:stop, reason, state}
    end
  end

  def handle_info(_, state), do: {:noreply, state}

  # A slot died: its step went back with its handle, and another takes its place.
  defp replace(state, pid) do
    add_slot(%{state | slots: MapSet.delete(state.slots, pid), idle: List.delete(state.idle, pid)})
  end

  defp claim(%{claiming: false, idle: [_ | _]} = state) do
    send(state.claimer, :claim)
    %{state | claiming: true}
  end

  defp claim(state), do: state

  @impl true
  def terminate(_reason, state) do
    for slot <- state.slots, do: send(slot, :stopping)
    await_slots(state, System.monotonic_time(:millisecond) + state.stop_timeout_ms)
    report = stop_library(state)
    for slot <- state.slots, do: send(slot, :cut)
    Library.worker_close(state.handle)
    measurements = %{rolled_back: length(report["rolled_back"]), given_back: report["given_back"]}
    Telemetry.execute([:worker, :stop], measurements, %{worker_id: state.id, path: state.inbox.path})
    with {from, reference} <- state.asked, do: send(from, {reference, report})
  end

  # Handlers that run may finish until the deadline. What was claimed meanwhile never starts.
  defp await_slots(state, deadline) do
    left = deadline - System.monotonic_time(:millisecond)
    busy? = length(Enum.uniq(state.idle)) < MapSet.size(state.slots)

    if busy? and left > 0 do
      receive do
        {:idle, slot} ->
          await_slots(%{state | idle: [slot | state.idle]}, deadline)

        {:EXIT, pid, _} ->
          await_slots(%{state | slots: MapSet.delete(state.slots, pid), idle: List.delete(state.idle, pid)}, deadline)
      after
        left -> :ok
      end
    end
  end

  defp stop_library(state) do
    case Library.worker_stop(state.handle) do
      {:ok, report} -> report
      {:error, _} -> %{"stopped" => true, "rolled_back" => [], "given_back" => 0}
    end
  end
end
