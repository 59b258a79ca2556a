defmodule KnockerSqlite.Summary do
  @moduledoc false
  # Ends a run of the tests with the line that the project's steps are counted by.

  use GenServer

  @impl true
  def init(_), do: {:ok, %{passed: 0, failed: 0}}

  @impl true
  def handle_cast({:test_finished, %{state: nil}}, counts), do: {:noreply, %{counts | passed: counts.passed + 1}}

  def handle_cast({:test_finished, %{state: {state, _}}}, counts) when state in [:failed, :invalid],
    do: {:noreply, %{counts | failed: counts.failed + 1}}

  def handle_cast({:suite_finished, _}, counts) do
    IO.puts("#{counts.passed} passed, #{counts.failed} failed")
    {:noreply, counts}
  end

  def handle_cast(_, counts), do: {:noreply, counts}
end
