defmodule KnockerSqlite.Once do
  @moduledoc false
  # One pass over what is due now, in a process of its own that dies with its caller.

  alias KnockerSqlite.{Arguments, Error, Library, Run, Slot}

  @spec run(KnockerSqlite.t(), keyword() | map()) :: {:ok, [map()]} | {:error, Error.t()}
  def run(inbox, options) do
    with {:ok, given} <- Arguments.named(options) do
      caller = self()
      request = Map.new(given, fn {name, value} -> {name, Arguments.value(value)} end)

      {pid, monitor} =
        spawn_monitor(fn ->
          Process.flag(:trap_exit, true)
          Process.monitor(caller)
          send(caller, {self(), pass(inbox, request, caller)})
        end)

      receive do
        {^pid, answer} ->
          Process.demonitor(monitor, [:flush])
          answer

        {:DOWN, ^monitor, _, _, reason} ->
          {:error, Error.new(:internal, "The pass ended: #{Exception.format_exit(reason)}")}
      end
    end
  end

  defp pass(inbox, request, caller) do
    with {:ok, worker, %{"worker_id" => id}} <- Library.worker_open(inbox.handle, request) do
      try do
        claim(worker, id, caller, [])
      after
        Library.worker_close(worker)
      end
    end
  end

  defp claim(worker, id, caller, done) do
    case Library.worker_step(worker, %{"wait_ms" => 0}) do
      {:ok, nil, _} -> {:ok, Enum.reverse(done)}
      {:ok, handle, %{"step" => step}} -> work(worker, id, caller, done, {handle, step})
      {:error, error} -> {:error, error}
    end
  end

  # Without a wait in the call that ends a step, its commit is done when it returns.
  defp work(worker, id, caller, done, {handle, step}) do
    run = Run.start(handle, step, id)

    with {:ok, _, %{"finished" => finished}} <- Slot.finish(worker, run, Run.await(run, caller), nil) do
      claim(worker, id, caller, if(finished, do: [finished | done], else: done))
    end
  end
end
