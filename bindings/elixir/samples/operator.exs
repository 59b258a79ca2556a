# Look at an inbox and act on it.
#
#     mix run samples/operator.exs app.db              counts, and what needs attention
#     mix run samples/operator.exs app.db show 7       one event and its attempts
#     mix run samples/operator.exs app.db requeue 7    or replay, ignore

defmodule Sample.Operator do
  alias KnockerSqlite.Error

  def main([path]), do: with_inbox(path, &overview/1)
  def main([path, "show", id]), do: with_inbox(path, &show(&1, String.to_integer(id)))

  def main([path, action, id]) when action in ["requeue", "replay", "ignore"] do
    with_inbox(path, fn inbox ->
      id = String.to_integer(id)
      apply(KnockerSqlite, String.to_existing_atom(action <> "!"), [inbox, id])
      show(inbox, id)
    end)
  end

  def main(_) do
    IO.puts("operator.exs FILE [show|requeue|replay|ignore EVENT]")
    System.halt(2)
  end

  defp with_inbox(path, work) do
    inbox = KnockerSqlite.open!(path)
    work.(inbox)
    KnockerSqlite.close!(inbox)
  rescue
    error in Error ->
      IO.puts(:stderr, "#{error.code}: #{error.message}")
      System.halt(1)
  end

  defp overview(inbox) do
    stats = KnockerSqlite.stats!(inbox)

    IO.puts(
      "deliveries #{stats["deliveries"]}, events #{inspect(stats["events"])}, refused #{inspect(stats["orphans"])}"
    )

    IO.puts("jobs: #{stats["jobs_ready"]} due, #{stats["jobs_later"]} later, #{stats["jobs_held"]} running")

    for event <- inbox |> KnockerSqlite.stream_events(status: "dead") |> Enum.take(20) do
      IO.puts("dead: #{event["id"]} #{event["endpoint"]} #{event["event_type"]}: #{event["last_error"]}")
    end
  end

  defp show(inbox, id) do
    event = KnockerSqlite.get_event!(inbox, id)
    IO.puts("#{id} #{event["endpoint"]} #{event["event_type"]} #{event["status"]}, #{byte_size(event["body"])} bytes")

    for attempt <- KnockerSqlite.list_attempts!(inbox, id)["attempts"] do
      IO.puts("  #{attempt["attempted_at"]} #{attempt["outcome"]} in #{attempt["duration_ms"]} ms #{attempt["error"]}")
    end
  end
end

Sample.Operator.main(System.argv())
