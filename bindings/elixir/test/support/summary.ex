defmodule KnockerSqlite.Summary do
  @moduledoc false
  # Ends a run of the tests with the line that the project's steps are counted by, and leaves a report of all tests
  # in build/tests/elixir.xml, by which BINDINGS.md says what is proven.

  use GenServer

  @report Path.expand("../../../../build/tests/elixir.xml", __DIR__)

  @impl true
  def init(_), do: {:ok, []}

  @impl true
  def handle_cast({:test_finished, %{name: name, state: nil}}, tests), do: {:noreply, [{name, true} | tests]}

  def handle_cast({:test_finished, %{name: name, state: {state, _}}}, tests) when state in [:failed, :invalid],
    do: {:noreply, [{name, false} | tests]}

  def handle_cast({:suite_finished, _}, tests) do
    report(tests)
    passed = Enum.count(tests, fn {_, passed} -> passed end)
    IO.puts("#{passed} passed, #{length(tests) - passed} failed")
    {:noreply, tests}
  end

  def handle_cast(_, tests), do: {:noreply, tests}

  defp report(tests) do
    File.mkdir_p!(Path.dirname(@report))

    cases =
      for {name, passed} <- Enum.reverse(tests),
          do: ["  <testcase name=\"", escaped(name), "\">", if(passed, do: "", else: "<failure/>"), "</testcase>\n"]

    File.write!(@report, ["<testsuite name=\"elixir\">\n", cases, "</testsuite>\n"])
  end

  defp escaped(name) do
    for <<char::utf8 <- to_string(name)>>, into: "" do
      if char in [?<, ?>, ?&, ?", ?'], do: "&##{char};", else: <<char::utf8>>
    end
  end
end
