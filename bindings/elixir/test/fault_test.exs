defmodule KnockerSqlite.FaultTest do
  # A library that panics on purpose, in a VM of its own.
  use ExUnit.Case, async: false

  import KnockerSqlite.Testing

  @library Path.expand("../../../build/testpanic/libknocker.so", __DIR__)

  @program ~S"""
  [path, library] = System.argv()
  Application.put_env(:knocker_sqlite, :library, library)
  {:ok, inbox} = KnockerSqlite.open(path, receive_timeout_ms: 60_000, max_transaction_s: 60)
  KnockerSqlite.add_endpoint!(inbox, name: "shop")
  test = self()

  KnockerSqlite.register_handler(inbox, "shop", fn _, tx ->
    KnockerSqlite.Tx.execute!(tx, "CREATE TABLE app(a)")
    send(test, :holding)
    Process.sleep(60_000)
  end)

  {:ok, _} = KnockerSqlite.start_worker(inbox, concurrency: 2)
  KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "")
  receive do: (:holding -> :ok)
  waiting = for _ <- 1..3, do: Task.async(fn -> KnockerSqlite.ingest(inbox, endpoint: "shop", body: "") end)
  Process.sleep(200)
  KnockerSqlite.Library.call(inbox.handle, "test_panic", %{"where" => "goroutine"})
  outcomes = Task.await_many(waiting, 60_000)
  IO.puts("waiting #{inspect(outcomes |> Enum.map(fn {:error, error} -> error.code end) |> Enum.uniq())}")
  {:error, error} = KnockerSqlite.open(path <> "2")
  IO.puts("later #{error.code}")
  """

  test "a fault inside the library reaches every caller and ends nothing else" do
    assert File.exists?(@library), "make lib-testpanic builds it"
    folder = temporary_folder()
    script = Path.join(folder, "fault.exs")
    File.write!(script, "{:ok, _} = Application.ensure_all_started(:knocker_sqlite)\n" <> @program)
    paths = Enum.flat_map(:code.get_path(), &["-pa", to_string(&1)])

    {output, status} =
      System.cmd("elixir", paths ++ [script, Path.join(folder, "a.db"), @library], stderr_to_stdout: true)

    assert status == 0, output
    assert output =~ ~r/waiting \[:(internal|closed)(, :(internal|closed))?\]/
    assert output =~ "later internal"
  end
end
