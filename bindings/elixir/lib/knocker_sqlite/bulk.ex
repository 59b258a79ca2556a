defmodule KnockerSqlite.Bulk do
  @moduledoc """
  Actions on all events or deliveries of a filter.

  Each runs in bounded transactions, one after the other, and answers the sums over all of them:
  `{:ok, %{"matched" => n, "changed" => n, "skipped" => n}}`, `expunge/3` also `"erased_from_file"`. `skipped` are those
  whose state forbids the action. An error ends it; what was changed before stays so, and asking again goes on.

  The filter is a map or keyword list with the fields of `KnockerSqlite.list_events/2` (for `reverify/3` and
  `replay_deliveries/3` of `KnockerSqlite.list_deliveries/2`); an empty one is `:invalid_argument` unless it has
  `all: true`.

  Options: `dry_run` (counts and changes nothing), `limit` (how many are changed at most), `reason` (of `expunge/3`), and
  `progress`, a function that is called with what was matched and changed so far, after each transaction.
  """

  alias KnockerSqlite.{Arguments, Error, Operation, Registry}

  @type result :: {:ok, %{String.t() => non_neg_integer() | boolean()}} | {:error, Error.t()}

  @methods [
    ignore_events: "Lets no handler run for the events of a filter.",
    replay_events: "Runs events again that are over.",
    requeue_events: "Runs events that were not handled.",
    reverify: "Checks refused deliveries again, with the present secrets; those that pass become events.",
    replay_deliveries: "Runs deliveries' events again, each with the delivery's own body.",
    expunge: "Blanks the bodies of events and keeps their identities, so that retries stay duplicates."
  ]

  for {name, about} <- @methods do
    @doc about
    @spec unquote(name)(KnockerSqlite.inbox(), map() | keyword(), map() | keyword()) :: result()
    def unquote(name)(inbox, filter, options \\ []), do: run(inbox, unquote(to_string(name)), filter, options)

    @doc "As `#{name}/3`, but returns the sums or raises `KnockerSqlite.Error`."
    @spec unquote(:"#{name}!")(KnockerSqlite.inbox(), map() | keyword(), map() | keyword()) ::
            %{String.t() => non_neg_integer() | boolean()}
    def unquote(:"#{name}!")(inbox, filter, options \\ []),
      do: inbox |> unquote(name)(filter, options) |> Error.unwrap!()
  end

  @doc false
  @spec methods() :: keyword(String.t())
  def methods, do: @methods

  defp run(inbox, method, filter, options) do
    with {:ok, inbox} <- Registry.find(inbox),
         {:ok, filter} <- Arguments.named(filter),
         {:ok, options} <- Arguments.named(options) do
      {progress, options} = Map.pop(options, "progress", fn _, _ -> :ok end)
      moments = Map.new(filter, fn {name, value} -> {name, Arguments.unix_seconds(value)} end)
      request = Map.new(options, fn {name, value} -> {name, Arguments.value(value)} end)
      sums = %{"matched" => 0, "changed" => 0, "skipped" => 0}
      repeat(inbox, method, Map.put(request, "filter", Arguments.value(moments)), progress, sums)
    end
  end

  defp repeat(inbox, method, request, progress, sums) do
    with {:ok, reply} <- Operation.call(inbox.handle, method, request) do
      # Numbers add up; what else a reply tells, such as "erased_from_file", counts as the last call says.
      sums =
        Map.merge(sums, Map.delete(reply, "cursor"), fn _, sum, more ->
          if is_integer(more), do: sum + more, else: more
        end)

      progress.(sums["matched"], sums["changed"])

      case reply["cursor"] do
        nil -> {:ok, sums}
        cursor -> repeat(inbox, method, Map.put(request, "cursor", cursor), progress, sums)
      end
    end
  end
end
