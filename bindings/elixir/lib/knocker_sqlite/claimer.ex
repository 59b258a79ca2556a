defmodule KnockerSqlite.Claimer do
  @moduledoc false
  # The process of a worker that waits for events, one claim at a time.

  alias KnockerSqlite.{Library, Permits, Telemetry}

  @wait_ms 1_000
  # Where too many others wait in the library, this one looks now and then instead.
  @look_ms 100
  # A pause after an error that can pass, such as a full disk.
  @pause_ms 500

  @spec start_link(KnockerSqlite.Native.handle()) :: pid()
  def start_link(handle) do
    worker = self()
    :proc_lib.spawn_link(fn -> loop(worker, handle) end)
  end

  defp loop(worker, handle) do
    receive do
      :claim -> send(worker, claim(handle))
    end

    loop(worker, handle)
  end

  defp claim(handle) do
    case wait(handle) do
      {:ok, step_handle, %{"step" => step}} when step_handle != nil ->
        {:claimed, {step_handle, step}}

      {:ok, _, _} ->
        {:claimed, nil}

      {:error, %{retryable: true} = error} ->
        Telemetry.execute([:worker, :error], %{}, %{error: error})
        Process.sleep(@pause_ms)
        {:claimed, nil}

      {:error, error} ->
        {:claim_failed, error}
    end
  end

  defp wait(handle) do
    with :none <- Permits.try_permit(fn -> Library.worker_step(handle, %{"wait_ms" => @wait_ms}) end) do
      Process.sleep(@look_ms)
      Library.worker_step(handle, %{"wait_ms" => 0})
    end
  end
end
