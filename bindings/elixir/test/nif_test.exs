defmodule KnockerSqlite.NifTest do
  # What must never end the VM, or hold up all of it. Not async: it looks at the whole node.
  use ExUnit.Case, async: false

  import KnockerSqlite.Testing
  import KnockerSqlite.Waiting
  alias KnockerSqlite.{Error, Native, Tx}

  defp program(text, environment \\ []) do
    paths = Enum.flat_map(:code.get_path(), &["-pa", to_string(&1)])
    System.cmd("elixir", paths ++ ["-e", text], stderr_to_stdout: true, env: environment)
  end

  test "wrong arguments of the NIF are badarg" do
    %{handle: db} = temporary_inbox()

    for call <- [
          fn -> Native.open(:atom) end,
          fn -> Native.call(make_ref(), "stats", "{}") end,
          fn -> Native.call(db, String.duplicate("x", 5000), "{}") end,
          fn -> Native.receive_start(db, [{"{}", :no_binary}]) end,
          fn -> Native.receive_start(db, :no_list) end,
          fn -> Native.tx(db, "{}", [1]) end,
          fn -> Native.tx(db, "{}", [<<>> | <<>>]) end,
          fn -> Native.watch_select(db) end,
          fn -> Native.close(1) end,
          fn -> Native.load_library(String.duplicate("x", 10_000)) end
        ] do
      assert_raise ArgumentError, call
    end
  end

  test "a handle of another kind, or a closed one, is an error with a code" do
    inbox = temporary_inbox()
    assert Native.worker_step(inbox.handle, "{}") |> elem(0) =~ "invalid_argument"
    assert Native.tx(inbox.handle, "{}", []) =~ "error"
    :ok = KnockerSqlite.close(inbox)
    assert {:error, %Error{code: :closed}} = KnockerSqlite.stats(inbox)
    assert {:error, %Error{code: :closed}} = KnockerSqlite.receive(inbox, endpoint: "x", body: "")
    assert {:error, %Error{code: :closed}} = KnockerSqlite.run_worker_once(inbox)
    assert {:error, %Error{code: :closed}} = KnockerSqlite.start_worker(inbox)
    assert {:error, %Error{code: :closed}} = KnockerSqlite.stop(inbox) |> closed_or_nothing()
    assert {:error, %Error{code: :closed}} = KnockerSqlite.close(inbox)
    assert {:error, %Error{code: :closed}} = KnockerSqlite.stats(:nobody)
    assert {:error, %Error{code: :closed}} = KnockerSqlite.stats(nil)
    assert {:error, %Error{code: :closed}} = KnockerSqlite.stats("app.db")
  end

  # Without workers there is nothing to stop.
  defp closed_or_nothing({:ok, %{"given_back" => 0}}), do: {:error, Error.new(:closed)}
  defp closed_or_nothing(other), do: other

  test "options that are none are an error with a code, and leave what runs alone" do
    inbox = temporary_inbox()
    path = Path.join(temporary_folder(), "a.db")
    {:ok, worker} = KnockerSqlite.start_worker(inbox)

    for call <- [
          fn -> KnockerSqlite.open(path, %{}) end,
          fn -> KnockerSqlite.open(path, name: "text") end,
          fn -> KnockerSqlite.open(path, worker: true) end,
          fn -> KnockerSqlite.open(path, endpoints: [a: 5]) end,
          fn -> KnockerSqlite.start_worker(inbox, 5) end,
          fn -> KnockerSqlite.run_retention(inbox, 5) end,
          fn -> KnockerSqlite.stop(inbox, "soon") end,
          fn -> KnockerSqlite.stop(inbox, 1.5) end
        ] do
      assert {:error, %Error{code: :invalid_argument}} = call.()
    end

    assert_raise Error, fn -> inbox |> KnockerSqlite.stream_events(5) |> Enum.to_list() end
    assert Process.alive?(worker)
  end

  test "a library that can't be loaded is an error, and the VM goes on" do
    {output, 0} =
      program(~s"""
      Application.put_env(:knocker_sqlite, :library, "/nowhere/libknocker.so")
      {:error, error} = KnockerSqlite.open("x.db")
      IO.puts(error.code)
      Application.put_env(:knocker_sqlite, :library, "#{:code.priv_dir(:knocker_sqlite)}/knocker_nif.so")
      {:error, error} = KnockerSqlite.open("x.db")
      IO.puts(error.message)
      """)

    assert output =~ "unsupported_platform"
    assert output =~ "no function knocker_abi_version"
  end

  test "using the module loads no library: that is left to the first open" do
    {output, 0} =
      program(~s"""
      {:ok, _} = Application.ensure_all_started(:knocker_sqlite)
      {:error, _} = KnockerSqlite.stats(:nobody)
      maps = File.read!("/proc/self/maps")
      IO.puts(String.contains?(maps, "libknocker"))
      {:ok, _} = KnockerSqlite.open("#{temporary_folder()}/a.db")
      IO.puts(String.contains?(File.read!("/proc/self/maps"), "libknocker"))
      """)

    assert output == "false\ntrue\n"
  end

  # As a release does it: the next version's folder takes the place of this one's while all goes on.
  test "a hot upgrade to another file of the NIF takes over what is open, and a purge of the old one harms nothing" do
    folder = Path.join(temporary_folder(), "knocker_sqlite-9.0.0")
    File.mkdir_p!(Path.join(folder, "priv"))
    File.cp_r!(Application.app_dir(:knocker_sqlite, "ebin"), Path.join(folder, "ebin"))
    nif = "priv/knocker_nif.so"
    File.cp!(Application.app_dir(:knocker_sqlite, nif), Path.join(folder, nif))

    {output, status} =
      program(~s"""
      alias KnockerSqlite.{Native, Tx}
      inbox = KnockerSqlite.open!("#{temporary_folder()}/a.db")
      KnockerSqlite.add_endpoint!(inbox, name: "e")
      main = self()

      KnockerSqlite.register_handler(inbox, "e", fn _, tx ->
        Tx.execute!(tx, "CREATE TABLE IF NOT EXISTS t(a)")
        send(main, {:begun, self()})
        receive do: (:go -> Tx.execute!(tx, "INSERT INTO t VALUES (1)"))
      end)

      {:ok, _} = KnockerSqlite.start_worker(inbox)
      KnockerSqlite.ingest!(inbox, endpoint: "e", body: "")
      handler = receive do: ({:begun, pid} -> pid)
      true = :code.replace_path(:knocker_sqlite, ~c"#{folder}/ebin")
      {:module, Native} = :code.load_file(Native)
      true = File.read!("/proc/self/maps") =~ "#{folder}/#{nif}"
      send(handler, :go)
      ended = fn ended -> if KnockerSqlite.stats!(inbox)["events"] != %{"handled" => 1}, do: ended.(ended) end
      ended.(ended)
      :code.purge(Native)
      KnockerSqlite.ingest!(inbox, endpoint: "e", body: "")
      send((receive do: ({:begun, pid} -> pid)), :go)
      :ok = KnockerSqlite.close(inbox)
      IO.puts("closed")
      """)

    assert {status, output =~ "closed\n"} == {0, true}, output
  end

  test "deeply nested SQL runs on a dirty scheduler's stack" do
    inbox = temporary_inbox()
    KnockerSqlite.add_endpoint!(inbox, name: "e")
    test = self()
    deep = String.duplicate("(", 900) <> "1" <> String.duplicate(")", 900)
    sum = Enum.join(List.duplicate("1", 900), "+")
    selects = Enum.reduce(1..90, "SELECT 1 AS a", fn _, sql -> "SELECT a FROM (#{sql})" end)
    json = "SELECT json_valid('" <> String.duplicate("[", 900) <> String.duplicate("]", 900) <> "')"
    pattern = "SELECT 'a' LIKE '" <> String.duplicate("%a", 200) <> "'"

    KnockerSqlite.register_handler(inbox, "e", fn _, tx ->
      for sql <- ["SELECT #{deep}", "SELECT #{sum}", selects, json, pattern], do: send(test, {:ran, Tx.query(tx, sql)})
    end)

    KnockerSqlite.ingest!(inbox, endpoint: "e", body: "")
    assert [%{"status" => "handled"}] = KnockerSqlite.run_worker_once!(inbox)

    for _ <- 1..5 do
      assert_received {:ran, answer}
      assert match?({:ok, %{"rows" => [[_]]}}, answer) or match?({:error, %Error{code: :sql_error}}, answer)
    end
  end

  test "processes that are killed at any point of their calls leave the inbox working" do
    inbox = temporary_inbox()
    KnockerSqlite.add_endpoint!(inbox, name: "e")
    KnockerSqlite.register_handler(inbox, "e", fn _, tx -> Tx.execute!(tx, "CREATE TABLE IF NOT EXISTS t(a)") end)

    for n <- 1..60 do
      pid =
        spawn(fn ->
          KnockerSqlite.ingest(inbox, endpoint: "e", body: "#{n}")
          KnockerSqlite.run_worker_once(inbox)
          KnockerSqlite.list_events(inbox)
        end)

      Process.sleep(rem(n, 4))
      Process.exit(pid, :kill)
    end

    :erlang.garbage_collect()
    %{"event_id" => id} = KnockerSqlite.ingest!(inbox, endpoint: "e", body: "last")
    assert wait_until(fn -> drain(inbox) && KnockerSqlite.get_event!(inbox, id)["status"] == "handled" end)
  end

  test "an inbox whose process is killed is given up, and its file can be opened with other options" do
    path = Path.join(temporary_folder(), "a.db")
    inbox = KnockerSqlite.open!(path, queue_name: "one")
    handle = inbox.handle
    Process.exit(inbox.pid, :kill)
    assert wait_until(fn -> not Process.alive?(inbox.supervisor) end)
    assert is_reference(handle)
    # The value still holds the handle; what the last process drops, the collector gives up.
    spawn(fn -> KnockerSqlite.open!(path, queue_name: "one") end)
    Process.sleep(50)
    assert {:error, %Error{code: :open_options_conflict}} = KnockerSqlite.open(path, queue_name: "two")
  end

  test "a crash of this package's own processes closes no inbox, and dead ones are forgotten all the same" do
    inbox = temporary_inbox(name: :outliving)
    KnockerSqlite.add_endpoint!(inbox, name: "e")
    KnockerSqlite.register_handler(inbox, "e", fn _, tx -> Tx.query!(tx, "SELECT 1") end)

    for name <- [KnockerSqlite.Permits, KnockerSqlite.Registry] do
      old = Process.whereis(name)
      Process.exit(old, :kill)
      assert wait_until(fn -> Process.whereis(name) not in [nil, old] end)
      assert {:ok, _} = KnockerSqlite.ingest(:outliving, endpoint: "e", body: "")
      assert [%{"status" => "handled"}] = KnockerSqlite.run_worker_once!(inbox)
    end

    Process.exit(inbox.pid, :kill)
    assert wait_until(fn -> match?({:error, %Error{code: :closed}}, KnockerSqlite.stats(inbox.supervisor)) end)
  end

  test "handlers in greater number than dirty schedulers don't stop each other" do
    inbox = temporary_inbox(clock: nil)
    KnockerSqlite.add_endpoint!(inbox, name: "e")
    count = 3 * :erlang.system_info(:dirty_io_schedulers)

    KnockerSqlite.register_handler(inbox, "e", fn event, tx ->
      Tx.execute!(tx, "CREATE TABLE IF NOT EXISTS t(a)")
      Process.sleep(5)
      for _ <- 1..5, do: Tx.execute!(tx, "INSERT INTO t VALUES (?)", [event["id"]])
    end)

    for n <- 1..count, do: KnockerSqlite.ingest!(inbox, endpoint: "e", body: "#{n}")
    {:ok, _} = KnockerSqlite.start_worker(inbox, concurrency: count)
    assert wait_until(fn -> KnockerSqlite.stats!(inbox)["events"] == %{"handled" => count} end)
    assert KnockerSqlite.stats!(inbox)["process"]["failed"] == 0
    # An idle worker keeps no scheduler for itself that others need.
    {took, _} = :timer.tc(fn -> for n <- 1..20, do: KnockerSqlite.ingest!(inbox, endpoint: "e", body: "later #{n}") end)
    assert took < 5_000_000
  end
end
