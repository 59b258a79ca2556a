# Runs the conformance suite through the Elixir binding and the real library.

for file <- ~w(matching binding fixtures scenario), do: Code.require_file("#{file}.exs", __DIR__)

defmodule Conformance do
  @moduledoc "The runner: conformance/README.md says what it does."

  alias KnockerSqlite.JSON.Decoder

  def main(arguments) do
    {options, [], []} = OptionParser.parse(arguments, strict: [results: :string, only: :string, verbose: :boolean])
    root = System.get_env("KNOCKER_ROOT") || Path.expand("../../..", __DIR__)
    suite = Path.join(root, "conformance")
    folder = Path.join(System.tmp_dir!(), "knocker-conformance-#{:os.getpid()}")
    File.mkdir_p!(folder)

    results =
      try do
        wanted = fn id -> String.contains?(id, options[:only] || "") end
        fixtures(suite, folder, wanted) ++ scenarios(suite, folder, wanted, options[:verbose] || false)
      after
        File.rm_rf!(folder)
      end

    for {id, [_ | _] = differences} <- results, do: IO.puts("FAIL #{id}: #{Enum.join(differences, "; ")}")
    if options[:results], do: write(options[:results], results)
    failed = Enum.count(results, fn {_, differences} -> differences != [] end)
    IO.puts("#{length(results) - failed} passed, #{failed} failed")
    System.halt(if failed == 0, do: 0, else: 1)
  end

  defp write(file, results) do
    items =
      for {id, differences} <- results do
        if differences == [],
          do: %{"id" => id, "status" => "passed"},
          else: %{"id" => id, "status" => "failed", "difference" => Enum.join(differences, "; ")}
      end

    text = KnockerSqlite.JSON.encode!(%{"binding" => "elixir", "results" => items})
    File.write!(Path.expand(file, System.get_env("KNOCKER_FROM") || "."), text)
  end

  defp items(file) do
    case file |> File.read!() |> Decoder.decode() do
      list when is_list(list) -> list
      one -> [one]
    end
  end

  defp fixtures(suite, folder, wanted) do
    recorded =
      for file <- Path.wildcard("#{suite}/fixtures/*/*.json"), do: {file, file |> Path.dirname() |> Path.basename()}

    sequences = for file <- Path.wildcard("#{suite}/sequences/*.json"), do: {file, Path.basename(file, ".json")}

    cases =
      for {file, provider} <- recorded ++ sequences, {item, number} <- Enum.with_index(items(file)) do
        {"#{Path.rootname(Path.relative_to(file, suite))}##{number}", provider, item}
      end

    inbox = KnockerSqlite.open!(Path.join(folder, "fixtures.db"), clock: [now_s: 1])

    for {{id, provider, item}, number} <- Enum.with_index(cases), wanted.(id) do
      {id, guarded(fn -> Conformance.Fixtures.run(inbox, "case-#{number}", provider, item) end)}
    end
  end

  defp scenarios(suite, folder, wanted, verbose) do
    files = Path.wildcard("#{suite}/scenarios/*.json") |> Enum.reject(&(Path.basename(&1) == "coverage.json"))

    for file <- files,
        item <- items(file),
        id = "scenarios/#{Path.basename(file, ".json")}/#{item["name"]}",
        wanted.(id),
        not excepted?(item) do
      own = Path.join(folder, "scenario-#{System.unique_integer([:positive])}")
      File.mkdir_p!(own)
      {id, guarded(fn -> Conformance.Scenario.run(item, own, Path.join(suite, "scenarios/files"), verbose) end)}
    end
  end

  defp excepted?(item), do: Map.has_key?(item["except"] || %{}, "elixir")

  defp guarded(run) do
    run.()
  rescue
    error -> [Exception.format(:error, error, __STACKTRACE__)]
  end
end

Conformance.main(System.argv())
