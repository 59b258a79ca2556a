defmodule KnockerSqlite.Telemetry do
  @moduledoc """
  What happens, as `:telemetry` events: through the :telemetry library where the application has it, else through a
  module of your own (`config :knocker_sqlite, telemetry: MyApp.Events`) with `execute/3`, else nowhere.

  | event | measurements | metadata |
  | --- | --- | --- |
  | `[:knocker_sqlite, :receive, :stop]` | `duration`, `body_bytes` | `endpoint`, `status_code`, `event_id`, `duplicate`, `reason`, `error` |
  | `[:knocker_sqlite, :handler, :start]` | `system_time` | `event_id`, `endpoint`, `event_type`, `attempt`, `max_attempts`, `worker_id` |
  | `[:knocker_sqlite, :handler, :stop]` | `duration` | the same, and `status`, `error` |
  | `[:knocker_sqlite, :worker, :start]` | `concurrency` | `worker_id`, `path` |
  | `[:knocker_sqlite, :worker, :stop]` | `rolled_back`, `given_back` | `worker_id`, `path` |
  | `[:knocker_sqlite, :worker, :error]` | | `error`, sometimes `worker_id` |

  `duration` is in native time units. `error` of a receive or a worker is a `KnockerSqlite.Error` or nil, of a handler
  nil or a map with `"code"` and `"message"`, which says why an outcome could not be committed. `status` is what the
  file says of the event: "handled", "failed", "dead", "ignored", "given_back" or "lost". A receive also measures
  `ingest/2`. What the library itself did (commits, claims) is in `KnockerSqlite.poll_hooks/2`.

  The package writes nothing to the logger. A handler of these events may; if it raises, that is swallowed.
  """

  @doc "Takes an event: its name, its measurements and its metadata."
  @callback execute(event :: [atom()], measurements :: map(), metadata :: map()) :: term()

  @doc false
  @spec execute([atom()], map(), map()) :: :ok
  def execute(event, measurements, metadata) do
    case adapter() do
      nil ->
        :ok

      module ->
        module.execute([:knocker_sqlite | event], measurements, metadata)
        :ok
    end
  rescue
    _ -> :ok
  catch
    _, _ -> :ok
  end

  defp adapter do
    case Application.fetch_env(:knocker_sqlite, :telemetry) do
      {:ok, module} ->
        module

      :error ->
        module = if Code.ensure_loaded?(:telemetry), do: :telemetry
        Application.put_env(:knocker_sqlite, :telemetry, module)
        module
    end
  end
end
