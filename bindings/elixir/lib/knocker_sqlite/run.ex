defmodule KnockerSqlite.Run do
  @moduledoc false
  # One run of a handler, in a process of its own, seen from the slot's process.

  alias KnockerSqlite.{Event, Home, Library, Outcome, Permits, Registry, Telemetry, Tx}

  # How often a running handler's step is asked whether it is over: a lost
  # lease has no other way to be told.
  @look_ms 1_000

  defstruct [:number, :handle, :step, :pid, :flags, :started, :deadline, :metadata]

  @type t :: %__MODULE__{}
  @type outcome :: %{optional(String.t()) => term()}

  @doc "Starts the handler of a claimed step. It dies with the calling process, which has to trap exits."
  @spec start(KnockerSqlite.Native.handle(), map(), String.t()) :: t()
  def start(step_handle, step, worker_id) do
    event = Event.from_reply(step["event"])
    flags = Tx.flags()
    started = System.monotonic_time()

    metadata = %{
      event_id: event["id"],
      endpoint: event["endpoint"],
      event_type: event["event_type"],
      attempt: step["attempt"],
      max_attempts: step["max_attempts"],
      worker_id: worker_id
    }

    Telemetry.execute([:handler, :start], %{system_time: System.system_time()}, metadata)
    handler = Registry.handler(step["handler"])
    slot = self()

    pid =
      :erlang.spawn_opt(fn -> send(slot, {:outcome, self(), handle(handler, event, Tx.new(step_handle, flags))}) end, [
        :link
      ])

    %__MODULE__{
      number: step["step"],
      handle: step_handle,
      step: step,
      pid: pid,
      flags: flags,
      started: started,
      deadline: System.monotonic_time(:millisecond) + ceil(step["timeout_s"] * 1000),
      metadata: metadata
    }
  end

  # Replaced since the claim: the next claim finds the new one.
  defp handle(nil, _, _), do: Outcome.give_back()

  defp handle(handler, event, tx) do
    Home.claim()
    handler.(event, tx) |> Outcome.of()
  rescue
    exception -> Outcome.exception(exception)
  catch
    :throw, thrown -> Outcome.failed("throw", inspect(thrown))
    :exit, reason -> Outcome.failed("exit", Exception.format_exit(reason))
  end

  @doc "Whether the handler's transaction is open, as far as it is known."
  @spec open?(t()) :: boolean()
  def open?(run), do: Tx.open?(run.flags)

  @doc "Waits for the end of a handler: by itself, by a time limit, a lost lease, or because `owner` ends it."
  @spec await(t(), pid()) :: outcome()
  def await(%{pid: pid} = run, owner) do
    receive do
      {:outcome, ^pid, outcome} ->
        gone(pid)
        outcome

      {:EXIT, ^pid, reason} ->
        Outcome.failed("exit", Exception.format_exit(reason))

      :cut ->
        kill(pid)
        send(self(), :cut)
        Outcome.give_back()

      {:EXIT, ^owner, reason} ->
        kill(pid)
        exit(reason)

      {:DOWN, _, :process, ^owner, reason} ->
        kill(pid)
        exit(reason)
    after
      pause(run) -> if over?(run), do: over(run), else: await(run, owner)
    end
  end

  defp pause(run) do
    left = run.deadline - System.monotonic_time(:millisecond)
    if left > 0, do: min(left, @look_ms), else: 50
  end

  # Not while the handler itself is in the library: its calls are served in turn.
  defp over?(run) do
    asked =
      unless Tx.calling?(run.flags) do
        Permits.try_permit(fn -> Library.tx(run.handle, %{"op" => "state"}, []) end)
      end

    case asked do
      {:ok, %{"ended" => nil}} -> false
      {:ok, _} -> true
      {:error, _} -> true
      _ -> false
    end
  end

  defp over(run) do
    kill(run.pid)
    Outcome.failed("exit", "the run was ended: its time was over, or its lease was lost")
  end

  defp kill(pid) do
    Process.unlink(pid)
    monitor = Process.monitor(pid)
    Process.exit(pid, :kill)

    receive do
      {:DOWN, ^monitor, _, _, _} -> gone(pid)
    end
  end

  # Messages of a handler that is over.
  defp gone(pid) do
    receive do
      {:EXIT, ^pid, _} -> gone(pid)
      {:outcome, ^pid, _} -> gone(pid)
    after
      0 -> :ok
    end
  end

  @doc "Tells what became of a run."
  @spec finished(t(), map() | nil) :: :ok
  def finished(run, finished) do
    measurements = %{duration: System.monotonic_time() - run.started}
    finished = finished || %{}
    metadata = Map.merge(run.metadata, %{status: finished["status"], error: finished["error"]})
    Telemetry.execute([:handler, :stop], measurements, metadata)
  end
end
