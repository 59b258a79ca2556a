defmodule KnockerSqlite.Slot do
  @moduledoc false
  # One concurrency slot of a worker: runs handlers one after the other, each in
  # a process of its own, and reports the outcomes.

  alias KnockerSqlite.{Error, Library, Permits, Run, Telemetry}

  # A pause after an error that can pass, such as a full disk.
  @pause_ms 500

  @spec start_link(KnockerSqlite.Native.handle(), String.t()) :: pid()
  def start_link(handle, worker_id) do
    worker = self()

    :proc_lib.spawn_link(fn ->
      Process.flag(:trap_exit, true)
      idle(%{worker: worker, handle: handle, worker_id: worker_id, stopping: false})
    end)
  end

  defp idle(state) do
    send(state.worker, {:idle, self()})
    wait(state)
  end

  defp wait(%{worker: worker} = state) do
    receive do
      {:run, step_handle, step} -> serve(step_handle, step, state)
      :stopping -> wait(%{state | stopping: true})
      :cut -> :ok
      {:EXIT, ^worker, reason} -> exit(reason)
      _ -> wait(state)
    end
  end

  defp serve(step_handle, step, state) do
    run = Run.start(step_handle, step, state.worker_id)
    outcome = Run.await(run, state.worker)
    stopping = state.stopping or stopping?()
    wait_ms = if stopping, do: nil, else: 0

    case finish(state.handle, run, outcome, wait_ms) do
      {:ok, next_handle, %{"step" => next}} when next_handle != nil ->
        serve(next_handle, next, %{state | stopping: stopping})

      {:ok, _, %{"stopping" => over}} ->
        idle(%{state | stopping: stopping or over})

      {:error, %Error{code: :closed}} ->
        idle(state)

      {:error, error} ->
        Telemetry.execute([:worker, :error], %{}, %{error: error, worker_id: state.worker_id})
        Process.sleep(@pause_ms)
        idle(state)
    end
  end

  defp stopping? do
    receive do
      :stopping -> true
    after
      0 -> false
    end
  end

  @doc "Ends a step by its outcome and, with `wait_ms`, looks for the next one."
  @spec finish(KnockerSqlite.Native.handle(), Run.t(), Run.outcome(), non_neg_integer() | nil) ::
          {:ok, KnockerSqlite.Native.handle() | nil, map()} | {:error, Error.t()}
  def finish(worker, run, outcome, wait_ms) do
    case step(worker, run, outcome, wait_ms) do
      # The handler chose an outcome that is none ({:retry_after, -1}): that is its failure.
      {:error, %Error{code: :invalid_argument} = refused} ->
        failed = %{"kind" => "failed", "error" => %{"type" => "KnockerSqlite.Error", "message" => refused.message}}
        told(step(worker, run, failed, wait_ms), run)

      answer ->
        told(answer, run)
    end
  end

  defp step(worker, run, outcome, wait_ms) do
    request = %{"step" => run.number, "outcome" => outcome}
    request = if wait_ms, do: Map.put(request, "wait_ms", wait_ms), else: request
    call = fn -> Library.worker_step(worker, request) end
    # Whoever holds the writer waits for nobody, and must not wait for a permit.
    if Run.open?(run), do: call.(), else: Permits.with_permit(call)
  end

  defp told({:ok, _, %{"finished" => finished}} = answer, run) do
    Run.finished(run, finished)
    answer
  end

  defp told(answer, _), do: answer
end
