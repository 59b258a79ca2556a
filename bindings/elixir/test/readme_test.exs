defmodule KnockerSqlite.ReadmeTest do
  # The README's code is what it says: the programs run as they are printed, in order.
  use ExUnit.Case, async: false

  import KnockerSqlite.Testing
  import KnockerSqlite.Waiting

  @readme Path.expand("../README.md", __DIR__)

  defp blocks do
    for [_, code] <- Regex.scan(~r/^```elixir\n(.*?)^```$/ms, File.read!(@readme)), do: code
  end

  defp block(text), do: Enum.find(blocks(), &String.contains?(&1, text)) || flunk("no block with #{text}")

  test "every block is Elixir" do
    assert length(blocks()) >= 5
    for code <- blocks(), do: Code.string_to_quoted!(code)
  end

  test "the whole of it: receives, refuses, handles, and what operators do" do
    folder = temporary_folder()
    System.put_env("ORDERS_TOKEN", "tok")

    File.cd!(folder, fn ->
      {{:ok, supervisor}, _} = Code.eval_string(block("defmodule MyApp.Orders"))
      route = fn headers -> apply(MyApp.Orders, :route, [~s({"total": 4200}), headers, "", "POST"]) end
      assert {204, _, ""} = route.([{"x-knocker-token", "tok"}])
      assert {401, _, _} = route.([{"x-knocker-token", "guessed"}])
      assert wait_until(fn -> KnockerSqlite.stats!(MyApp.Inbox)["events"] == %{"handled" => 1} end)

      KnockerSqlite.add_endpoint!(MyApp.Inbox, name: "nobody")
      KnockerSqlite.ingest!(MyApp.Inbox, endpoint: "nobody", body: "")
      assert wait_until(fn -> KnockerSqlite.stats!(MyApp.Inbox)["events"]["dead"] == 1 end)
      assert {[%{"event_id" => 2}], bindings} = Code.eval_string(block("stream_events(webhooks"))
      KnockerSqlite.close!(bindings[:webhooks])
      Supervisor.stop(supervisor)
    end)
  end

  test "the helpers for an application's tests do what they say" do
    code = "defmodule MyApp.Invoices do\n def paid(_, _), do: :ok\nend\n" <> block("KnockerSqlite.Testing.deliver!")
    assert {[%{"status" => "handled"}], _} = Code.eval_string(code)
  end

  test "the table of telemetry is the one of the module's documentation" do
    {:docs_v1, _, _, _, %{"en" => documented}, _, _} = Code.fetch_docs(KnockerSqlite.Telemetry)

    events = fn text ->
      Regex.scan(~r/\[:knocker_sqlite, :\w+, :\w+\]/, text) |> List.flatten() |> Enum.uniq() |> Enum.sort()
    end

    assert events.(File.read!(@readme)) == events.(documented)
  end
end
