defmodule KnockerSqlite.Operations do
  @moduledoc false
  # The reads, actions and operators' tools, which `KnockerSqlite` takes in.

  defmacro __using__(_) do
    quote do
      import KnockerSqlite.Operation, only: [operation: 1]
      unquote(endpoints())
      unquote(reads())
      unquote(actions())
      unquote(retention())
      unquote(tools())
    end
  end

  defp endpoints do
    quote do
      @doc """
      Reads an endpoint: `"id"`, `"name"`, `"path"`, `"provider"`, `"enabled"`, `"created_at"`.
      Errors: `:unknown_endpoint`.
      """
      operation get_endpoint(inbox, name :: String.t()) :: reply()

      @doc "Lists endpoints by name: `%{\"endpoints\" => [...], \"cursor\" => text or nil}`. Options: `limit` (1 to 1,000, defaults to 100), `cursor`."
      operation list_endpoints(inbox, options :: fields()) :: reply()

      @doc "Lets an endpoint receive again. Errors: `:unknown_endpoint`."
      operation enable_endpoint(inbox, name :: String.t()) :: reply()

      @doc "Refuses what comes for an endpoint, with `:endpoint_disabled`. Errors: `:unknown_endpoint`."
      operation disable_endpoint(inbox, name :: String.t()) :: reply()

      @doc "Removes an endpoint. Errors: `:not_empty` while it has events, unless `prune: true` removes these too."
      operation remove_endpoint(inbox, name :: String.t(), options :: fields()) :: reply()

      @doc "Lets no worker claim an endpoint's events; they are received and queued as ever."
      operation pause_endpoint(inbox, name :: String.t()) :: reply()

      @doc "Lets workers claim an endpoint's events again."
      operation resume_endpoint(inbox, name :: String.t()) :: reply()

      @doc "Takes away a handler by the number that `handler/5` answered: `%{\"removed\" => boolean}`."
      operation unregister_handler(inbox, handler :: pos_integer()) :: reply()
    end
  end

  defp reads do
    quote do
      @doc "Reads an event with its body, as `\"body\"` and `\"body_blob\"`. Errors: `:not_found`."
      operation get_event(inbox, id :: integer()) :: event()

      @doc "Reads a delivery with its body, as `\"body\"` and `\"body_blob\"`. Errors: `:not_found`."
      operation get_delivery(inbox, id :: integer()) :: delivery()

      @doc """
      Lists events, newest first: `%{"events" => [event], "cursor" => text or nil}`.

      Options are the fields of a filter (`endpoint`, `status`, `event_type`: exact or `"invoice.*"`, `dedupe_key`,
      `provider_event_id`, `provider_delivery_id`, `event_id`, `since` and `until`: Unix seconds or a DateTime,
      `error_code`, `stuck`) and `limit` (1 to 1,000, defaults to 100), `cursor`, and `bodies` (defaults to false).
      """
      operation list_events(inbox, options :: fields()) :: reply()

      @doc """
      Lists deliveries, newest first: `%{"deliveries" => [delivery], "cursor" => text or nil}`.

      Fields of a filter: `endpoint`, `event_id`, `delivery_id`, `event_type`, `dedupe_key`, `provider_event_id`,
      `provider_delivery_id`, `orphaned`, `kind`, `reason`, `signature_valid` (false also matches "unknown"), `since`,
      `until`; and `limit`, `cursor`, `bodies` as for `list_events/2`.
      """
      operation list_deliveries(inbox, options :: fields()) :: reply()

      @doc "Lists the runs of an event's handlers, oldest first: `%{\"attempts\" => [...]}`."
      operation list_attempts(inbox, event_id :: integer()) :: reply()

      @doc "Counts what is in the file and, as `\"process\"`, what this program did. Option: `endpoint`."
      operation stats(inbox, options :: fields()) :: reply()

      @doc "Counts by endpoint: `%{\"endpoints\" => [...], \"cursor\" => text or nil}`. Options: `limit`, `cursor`."
      operation stats_by_endpoint(inbox, options :: fields()) :: reply()

      @doc "Lists what workers run at this moment: `%{\"running\" => [...], \"cursor\" => text or nil}`. Options: `endpoint`, `limit`, `cursor`."
      operation list_running(inbox, options :: fields()) :: reply()

      @doc "Says step by step why a delivery was taken or refused. Options: `secrets`, `provider_options`, `provider`, `url`, `now_s`."
      operation explain_delivery(inbox, delivery_id :: integer(), options :: fields()) :: reply()

      @doc "What the library says of the open file: `\"path\"`, `\"version\"`, `\"sqlite_version\"`, `\"schema_version\"`, `\"engine\"`."
      operation info(inbox) :: reply()
    end
  end

  defp actions do
    quote do
      @doc "Lets no handler run for an event: `%{\"event_id\" => id}`. Errors: `:not_found`, `:invalid_state`."
      operation ignore(inbox, event_id :: integer()) :: reply()

      @doc "Runs an event again that is over: `%{\"event_id\" => id}`. Errors: `:not_found`, `:invalid_state`."
      operation replay(inbox, event_id :: integer()) :: reply()

      @doc "Runs an event that was not handled: `%{\"event_id\" => id}`. Errors: `:not_found`, `:invalid_state`."
      operation requeue(inbox, event_id :: integer()) :: reply()

      @doc """
      Runs a delivery's event again, with this delivery's body, headers and query. Option: `event_id`, which event of
      a batch; defaults to the delivery's first. Errors: `:not_found`, `:invalid_state`, `:not_linked`.
      """
      operation replay_delivery(inbox, delivery_id :: integer(), options :: fields()) :: reply()

      @doc """
      Takes in a refused delivery by decision; the reason is kept and audited: `"event_id"`, `"event_ids"`,
      `"duplicate"`. Options, where the request does not say it: `event_type`, `dedupe_key`, `provider_event_id`.
      Errors: `:not_found`, `:invalid_state`, `:body_cut`.
      """
      operation accept_delivery(inbox, delivery_id :: integer(), reason :: String.t(), options :: fields()) :: reply()
    end
  end

  defp retention do
    quote do
      @doc """
      Removes the oldest events that are over, with their attempts and deliveries; each call is audited.

      `older_than`: Unix seconds or a DateTime. Options: `statuses` (defaults to `["handled", "ignored"]`), `limit`
      (1 to 1,000, defaults to 1,000), `force`: allows a cutoff younger than 8 days, while senders still retry.
      """
      operation prune_events(inbox, older_than :: moment(), options :: fields()) :: reply()

      @doc "Removes the oldest deliveries without an event; audited. `older_than` as for `prune_events/3`; option `limit`."
      operation prune_orphan_deliveries(inbox, older_than :: moment(), options :: fields()) :: reply()

      @doc "Lists what pruning did: `%{\"audits\" => [...], \"cursor\" => text or nil}`. Options: `limit`, `cursor`."
      operation list_prune_audits(inbox, options :: fields()) :: reply()

      @doc """
      Removes what is too old, one bounded pass. Option `policy`: `handled_s` and `ignored_s` (30 days), `dead_s` (-1:
      never), `orphans_s` (30 days), `dead_jobs_s` (-1), `audits_s` (365 days), `batch` (500), `interval_s` (3,600),
      `lease_s` (60), `force`: allows ages of events below 8 days.
      """
      operation run_retention_pass(inbox, options :: fields()) :: reply()

      @doc "Lets the library remove what is too old from now on, one leader across all programs. Option `policy` as for `run_retention_pass/2`."
      operation start_retention(inbox, options :: fields()) :: reply()

      @doc "Ends `start_retention/2` in this program: `%{\"stopped\" => boolean}`."
      operation stop_retention(inbox) :: reply()

      @doc "Whether retention runs here, who leads it, and what its last pass did."
      operation retention_state(inbox) :: reply()
    end
  end

  defp tools do
    quote do
      @doc "Copies the database to a path as it is at one moment, while receiving goes on. Never copy a live one by other means."
      operation backup(inbox, path :: String.t()) :: reply()

      @doc "Checks the file: `\"integrity\"` and `\"foreign_keys\"` (lists, empty: fine), `\"stuck\"`, `\"orphan_jobs\"`. Option `quick`: leaves out what takes most of the time."
      operation check(inbox, options :: fields()) :: reply()

      @doc "Starts to collect what happens in this program; `poll_hooks/2` takes it. Option `limit`: how many are kept, defaults to 1,024."
      operation watch_hooks(inbox, options :: fields()) :: reply()

      @doc "Takes what has happened, oldest first; never waits. Option `max`, defaults to 1,024. Errors: `:invalid_state` before `watch_hooks/2`."
      operation poll_hooks(inbox, options :: fields()) :: reply()

      @doc "Sets the clock of an inbox that was opened with `clock: [now_s: n]`, for tests. Errors: `:invalid_state`."
      operation set_clock(inbox, now_s :: integer()) :: reply()
    end
  end
end
