defmodule Conformance.Scenario do
  @moduledoc "Runs one scenario through the Elixir binding: see conformance/README.md."

  alias Conformance.{Binding, Matching}
  alias KnockerSqlite.Error

  defmodule Differs do
    defexception [:message]
  end

  @start 1_767_225_600
  # How long a query may be repeated until it fails.
  @longest_ms 10_000

  @doc "The differences of a scenario that runs in an empty folder."
  def run(scenario, folder, files, verbose) do
    # Handlers run in processes of their own, so what a scenario remembers has a process.
    {:ok, memory} =
      Agent.start_link(fn ->
        %{now: @start, inboxes: %{}, clocked: [], saved: %{"folder" => folder}, ran: 0, differences: []}
      end)

    context = %{memory: memory, folder: folder, files: files, verbose: verbose}

    try do
      run_steps(context, scenario["steps"], 1)
      get(context, :differences)
    after
      for {_, inbox} <- get(context, :inboxes), do: KnockerSqlite.close(inbox)
      Agent.stop(memory)
    end
  end

  defp run_steps(_, [], _), do: :ok

  defp run_steps(context, [step | rest], number) do
    step(context, "step #{number}", step, &do_step(context, &1))
    # Those of a handler.
    if get(context, :differences) == [], do: run_steps(context, rest, number + 1)
  rescue
    Differs -> :ok
  end

  defp get(context, name), do: Agent.get(context.memory, &Map.fetch!(&1, name))
  defp update(context, name, change), do: Agent.update(context.memory, &Map.update!(&1, name, change))

  defp step(context, where, raw, run) do
    where = "#{where} (#{Enum.join(for(name <- ["do", "method"], raw[name], do: raw[name]), " ")})"
    step = filled(context, raw)
    answer = answer(context, where, step, run)
    if context.verbose, do: IO.puts("#{Matching.shown(raw)}\n  -> #{Matching.shown(answer)}")

    case {answer, step["error"]} do
      {{:ok, got}, nil} ->
        if Map.has_key?(step, "expect"), do: compare(context, where, step["expect"], got)
        for {name, path} <- raw["save"] || %{}, do: save(context, where, name, got, path)

      {{:error, error}, nil} ->
        differs(context, "#{where}: #{error.code}: #{error.message}")

      {{:ok, got}, wanted} ->
        differs(context, "#{where}: expected the error #{Matching.shown(wanted)}, got #{Matching.shown(got)}")

      {{:error, error}, wanted} ->
        wanted = if is_binary(wanted), do: %{"code" => wanted}, else: wanted
        compare(context, where, wanted, Binding.plain_error(error))
    end
  end

  defp answer(context, where, step, run) do
    case run.(step) do
      {:ok, got} -> {:ok, got}
      {:error, %Error{} = error} -> {:error, error}
    end
  rescue
    error in Differs -> reraise(error, __STACKTRACE__)
    error in Error -> {:error, error}
    error -> differs(context, "#{where}: #{Exception.format(:error, error, __STACKTRACE__)}")
  end

  defp compare(context, where, want, got) do
    case Matching.match("", want, got) do
      [] -> :ok
      found -> differs(context, "#{where}: #{Enum.join(found, "; ")}")
    end
  end

  defp differs(context, text) do
    update(context, :differences, &(&1 ++ [text]))
    raise Differs, message: text
  end

  defp save(context, where, name, value, path) do
    found =
      path
      |> String.split(".", trim: true)
      |> Enum.reduce(value, fn
        part, list when is_list(list) -> Enum.at(list, String.to_integer(part))
        part, map when is_map(map) -> Map.get(map, part, :missing)
        _, _ -> :missing
      end)

    if found == :missing, do: differs(context, "#{where}: the result has no #{path}")
    update(context, :saved, &Map.put(&1, name, found))
  end

  # What was saved takes the place of "$name"; a handler's steps are filled when they run.
  defp filled(context, "$folder/" <> rest), do: Path.join(context.folder, rest)
  defp filled(context, "$" <> name = text), do: context |> get(:saved) |> Map.get(name, text)
  defp filled(context, list) when is_list(list), do: Enum.map(list, &filled(context, &1))

  defp filled(context, map) when is_map(map) do
    Map.new(map, fn {name, value} -> {name, if(name == "handler", do: value, else: filled(context, value))} end)
  end

  defp filled(_, value), do: value

  defp do_step(context, %{"do" => "open"} = step) do
    {clock, options} = Map.pop(step["options"] || %{}, "clock")
    given = for {name, value} <- options, do: {String.to_atom(name), value}
    given = if clock == "real", do: given, else: [{:clock, %{"now_s" => get(context, :now)}} | given]

    with {:ok, inbox} <- KnockerSqlite.open(Path.join(context.folder, step["file"] || "inbox.db"), given) do
      update(context, :inboxes, &Map.put(&1, name(step), inbox))
      if clock != "real", do: update(context, :clocked, &[name(step) | &1])
      {:ok, %{}}
    end
  end

  defp do_step(context, %{"do" => "clock"} = step) do
    now = step["set"] || get(context, :now) + step["advance"]
    update(context, :now, fn _ -> now end)
    for name <- get(context, :clocked), do: KnockerSqlite.set_clock!(get(context, :inboxes)[name], now)
    {:ok, %{"now_s" => now}}
  end

  defp do_step(context, %{"do" => "write_file", "file" => file} = step) do
    content = if step["from"], do: File.read!(Path.join(context.files, step["from"])), else: step["text"]
    File.write!(Path.join(context.folder, file), content)
    {:ok, %{}}
  end

  defp do_step(_, %{"do" => "call", "method" => method} = step) when method in ["sign", "providers"],
    do: Binding.call(nil, method, step["request"] || %{})

  defp do_step(context, step) do
    inbox = get(context, :inboxes)[name(step)] || raise "no inbox #{name(step)} is open"
    with_inbox(context, inbox, step)
  end

  defp name(step), do: step["inbox"] || "main"

  defp with_inbox(_, inbox, %{"do" => "call"} = step), do: Binding.call(inbox, step["method"], step["request"] || %{})

  defp with_inbox(context, inbox, %{"do" => "close"} = step) do
    update(context, :clocked, &List.delete(&1, name(step)))
    inbox |> KnockerSqlite.close() |> Binding.plain()
  end

  defp with_inbox(context, inbox, %{"do" => "handle"} = step) do
    handler = handler(context, step["handler"])
    options = step["options"] || %{}

    with {:ok, _} <- KnockerSqlite.handler(inbox, step["endpoint"], step["event_type"], handler, options),
         do: {:ok, %{}}
  end

  defp with_inbox(context, inbox, %{"do" => "work"} = step) do
    before = get(context, :ran)
    options = for {name, value} <- step["options"] || %{}, do: {String.to_atom(name), value}
    with {:ok, _} <- KnockerSqlite.run_worker_once(inbox, options), do: {:ok, %{"ran" => get(context, :ran) - before}}
  end

  defp with_inbox(_, inbox, %{"do" => take} = step) when take in ["receive", "ingest"] do
    request = step["request"] || %{}

    body =
      case request do
        %{"body_base64" => base64} -> Base.decode64!(base64)
        %{"body_repeat" => %{"text" => text, "times" => times}} -> String.duplicate(text, times)
        %{"body_parsed" => parsed} -> parsed
        _ -> request["body"] || ""
      end

    request = request |> Map.drop(~w(body body_base64 body_repeat body_parsed)) |> Map.put("endpoint", step["endpoint"])
    Binding.take_in(inbox, request, body, take == "ingest")
  end

  defp handler(context, steps) do
    runs = :counters.new(1, [])

    fn event, tx ->
      :counters.add(runs, 1, 1)
      run = :counters.get(runs, 1)
      update(context, :ran, &(&1 + 1))
      in_turn(context, Enum.with_index(steps, 1), run, event, tx)
    end
  end

  defp in_turn(_, [], _, _, _), do: :ok

  defp in_turn(context, [{raw, number} | rest], run, event, tx) do
    cond do
      run > (raw["until_run"] || run) ->
        in_turn(context, rest, run, event, tx)

      ending = ending(filled(context, raw)) ->
        ending

      true ->
        step(context, "run #{run} of a handler, step #{number}", raw, &in_handler(context, &1, event, tx))
        in_turn(context, rest, run, event, tx)
    end
  end

  defp ending(%{"do" => "raise"} = step), do: raise(RuntimeError, message: step["message"] || "")
  defp ending(%{"do" => "retry_after"} = step), do: {:retry_after, step["seconds"], step["message"] || ""}
  defp ending(%{"do" => "discard"} = step), do: {:discard, step["reason"] || ""}
  # "ignore" as a step of a handler has a reason; as an operation it is a call.
  defp ending(%{"do" => "ignore"} = step), do: {:ignore, step["reason"] || ""}
  defp ending(_), do: nil

  defp in_handler(_, %{"do" => "event"}, event, _), do: {:ok, Binding.plain(event)}
  defp in_handler(_, %{"do" => "execute"} = step, _, tx), do: Binding.execute(tx, step)

  defp in_handler(_, %{"do" => "query"} = step, _, tx),
    do: query(tx, step, System.monotonic_time(:millisecond) + @longest_ms)

  defp in_handler(context, step, _, _), do: do_step(context, step)

  defp query(tx, step, deadline) do
    case Binding.query(tx, step) do
      {:ok, _} = answer ->
        if step["until_error"] && System.monotonic_time(:millisecond) < deadline,
          do: query(tx, step, deadline),
          else: answer

      error ->
        error
    end
  end
end
