defmodule KnockerSqlite.Waiting do
  @moduledoc false
  # Waits for what other processes bring about, with a bound.

  @doc "Whether a check comes true within ten seconds."
  def wait_until(check, left \\ 1_000) do
    cond do
      check.() ->
        true

      left == 0 ->
        false

      true ->
        Process.sleep(10)
        wait_until(check, left - 1)
    end
  end
end
