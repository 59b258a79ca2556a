defmodule KnockerSqlite.SupervisionTest do
  use ExUnit.Case, async: true

  import KnockerSqlite.Testing
  import KnockerSqlite.Waiting
  alias KnockerSqlite.{Error, Tx}

  setup context do
    %{path: Path.join(temporary_folder(), "app.db"), name: :"#{context.module}.#{context.test}"}
  end

  defp start(context, options) do
    start_supervised!({KnockerSqlite, Keyword.merge([name: context.name, path: context.path], options)})
  end

  defp noting(test), do: fn event, _ -> send(test, {:handled, event["body_blob"], self()}) end
  defp status(inbox, id), do: KnockerSqlite.get_event!(inbox, id)["status"]

  test "an inbox in a supervision tree receives and handles, by its name, its process or itself", context do
    supervisor =
      start(context,
        endpoints: [[name: "shop"], "other"],
        handlers: [{"shop", noting(self())}],
        worker: [concurrency: 3]
      )

    pid = Process.whereis(context.name)
    {:ok, inbox} = GenServer.call(pid, :inbox)

    for {way, n} <- Enum.with_index([context.name, pid, supervisor, inbox, {:global, context.name}]),
        way != {:global, context.name} do
      assert {:ok, %{"event_id" => id}} = KnockerSqlite.ingest(way, %{endpoint: "shop", body: "#{n}"})
      body = "#{n}"
      assert_receive {:handled, ^body, handler}, 5_000
      assert handler != pid
      assert wait_until(fn -> status(way, id) == "handled" end)
    end

    assert {:error, %Error{code: :closed}} = KnockerSqlite.stats({:global, context.name})
  end

  test "global and via names work", context do
    {:ok, _} = start_supervised({Registry, keys: :unique, name: KnockerSqlite.TestNames})

    for {name, number} <-
          Enum.with_index([{:global, context.name}, {:via, Registry, {KnockerSqlite.TestNames, :inbox}}]) do
      start_supervised!({KnockerSqlite, name: name, path: "#{context.path}#{number}", endpoints: ["e"]})
      assert {:ok, %{"event_id" => 1}} = KnockerSqlite.ingest(name, endpoint: "e", body: "")
    end
  end

  test "what is wrong with the options is why the tree does not start", context do
    Process.flag(:trap_exit, true)

    assert {:error, {:shutdown, {:failed_to_start_child, _, %Error{code: :unknown_provider}}}} =
             KnockerSqlite.start_link(path: context.path, endpoints: [[name: "x", provider: "strpe", secrets: "x"]])

    assert {:error, {:shutdown, {:failed_to_start_child, _, %Error{code: :invalid_argument}}}} =
             KnockerSqlite.start_link(path: context.path, handlers: [{"x", fn -> :ok end}])

    assert {:error, %Error{code: :invalid_argument}} = KnockerSqlite.open(context.path, max_attempt: 3)
    assert {:error, %Error{code: :invalid_argument}} = KnockerSqlite.open(context.path, worker: [concurency: 3])
    assert {:error, %Error{code: :cannot_open}} = KnockerSqlite.open("/nowhere/at/all.db")
    assert {:error, %Error{code: :invalid_argument}} = KnockerSqlite.open(nil)
  end

  test "after a crash of the inbox's process the name works again, handlers too", context do
    start(context, endpoints: ["shop"], handlers: [{"shop", noting(self())}])
    first = Process.whereis(context.name)
    Process.exit(first, :kill)
    assert wait_until(fn -> Process.whereis(context.name) not in [nil, first] end)
    assert wait_until(fn -> match?({:ok, _}, KnockerSqlite.ingest(context.name, endpoint: "shop", body: "again")) end)
    assert_receive {:handled, "again", _}, 10_000
  end

  test "after a crash of any process of a worker events are handled on", context do
    supervisor = start(context, endpoints: ["shop"], handlers: [{"shop", noting(self())}], worker: [concurrency: 2])

    worker = fn -> supervisor |> Supervisor.which_children() |> List.keyfind(KnockerSqlite.Worker, 0) |> elem(1) end

    for {victim, n} <- Enum.with_index([:slot, :slot, :claimer, :worker]) do
      assert wait_until(fn -> is_pid(worker.()) end)
      state = :sys.get_state(worker.())

      pid =
        case victim do
          :slot -> Enum.at(state.slots, 0)
          :claimer -> state.claimer
          :worker -> worker.()
        end

      Process.exit(pid, :kill)
      body = "after #{victim} #{n}"
      assert {:ok, _} = KnockerSqlite.ingest(context.name, endpoint: "shop", body: body)
      assert_receive {:handled, ^body, _}, 20_000
    end
  end

  test "the crash of a handler's process rolls back and the event runs again", context do
    test = self()

    handler = fn event, tx ->
      Tx.execute!(tx, "CREATE TABLE IF NOT EXISTS runs(n)")
      Tx.execute!(tx, "INSERT INTO runs VALUES (1)")
      send(test, {:run, event["attempt_count"], self(), Tx.query!(tx, "SELECT count(*) FROM runs")["rows"]})
      if event["attempt_count"] == 1, do: Process.sleep(:infinity)
    end

    start(context, endpoints: ["shop"], handlers: [{"shop", nil, handler, backoff_initial_s: 1, backoff_jitter: false}])
    %{"event_id" => id} = KnockerSqlite.ingest!(context.name, endpoint: "shop", body: "")
    assert_receive {:run, 1, pid, [[1]]}, 5_000
    Process.exit(pid, :kill)
    assert_receive {:run, 2, _, [[1]]}, 10_000
    assert wait_until(fn -> status(context.name, id) == "handled" end)

    assert %{"attempts" => [%{"outcome" => "failed", "error" => error}, _]} =
             KnockerSqlite.list_attempts!(context.name, id)

    assert error =~ "killed"
  end

  test "stopping the tree lets a running handler finish", context do
    test = self()

    handler = fn _, tx ->
      send(test, :started)
      Process.sleep(300)
      Tx.execute!(tx, "CREATE TABLE done(a)")
    end

    start(context, endpoints: ["shop"], handlers: [{"shop", handler}])
    %{"event_id" => id} = KnockerSqlite.ingest!(context.name, endpoint: "shop", body: "")
    assert_receive :started, 5_000
    :ok = stop_supervised(context.name)
    inbox = KnockerSqlite.open!(context.path)
    assert status(inbox, id) == "handled"
    KnockerSqlite.close(inbox)
  end

  test "a handler that outlives the deadline is ended, its writes are gone, and its event is due again", context do
    test = self()

    handler = fn _, tx ->
      Tx.execute!(tx, "CREATE TABLE done(a)")
      send(test, {:started, self()})
      Process.sleep(:infinity)
    end

    inbox = KnockerSqlite.open!(context.path, max_transaction_s: 20)
    KnockerSqlite.add_endpoint!(inbox, name: "shop")
    KnockerSqlite.register_handler(inbox, "shop", handler)
    {:ok, worker} = KnockerSqlite.start_worker(inbox, concurrency: 2)
    %{"event_id" => id} = KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "")
    assert_receive {:started, pid}, 5_000
    assert {:ok, %{"rolled_back" => [^id]}} = KnockerSqlite.stop(inbox, 100)
    refute Process.alive?(worker)
    assert wait_until(fn -> not Process.alive?(pid) end)
    assert status(inbox, id) in ["received", "failed"]
    KnockerSqlite.register_handler(inbox, "shop", fn _, tx -> Tx.execute!(tx, "CREATE TABLE done(a)") end)
    assert wait_until(fn -> drain(inbox) && status(inbox, id) == "handled" end)
    KnockerSqlite.close(inbox)
  end

  test "an inbox of a tree is closed by its supervisor; one that was opened, by close", context do
    start(context, endpoints: ["shop"])
    assert {:error, %Error{code: :invalid_state}} = KnockerSqlite.close(context.name)
    assert %{id: :a} = KnockerSqlite.child_spec(name: :a, path: "x")
    inbox = KnockerSqlite.open!(context.path)
    assert :ok = KnockerSqlite.close(inbox)
    assert_raise Error, fn -> KnockerSqlite.close!(inbox) end
    assert {:ok, _} = KnockerSqlite.stats(context.name)
  end

  test "run_worker returns when the worker is stopped", context do
    inbox = KnockerSqlite.open!(context.path)
    running = Task.async(fn -> KnockerSqlite.run_worker(inbox, concurrency: 2) end)
    assert wait_until(fn -> KnockerSqlite.Supervisor.workers(inbox) != [] end)
    assert {:ok, %{"rolled_back" => []}} = KnockerSqlite.stop(inbox)
    assert Task.await(running) == :ok
    KnockerSqlite.close(inbox)
  end

  test "two inboxes on one file share handlers; the last one to close takes them along", context do
    one = KnockerSqlite.open!(context.path)
    two = KnockerSqlite.open!(context.path)
    KnockerSqlite.add_endpoint!(one, name: "shop")
    KnockerSqlite.register_handler(one, "shop", noting(self()))
    KnockerSqlite.ingest!(two, endpoint: "shop", body: "shared")
    :ok = KnockerSqlite.close(one)
    assert [%{"status" => "handled"}] = drain(two)
    assert_received {:handled, "shared", _}
    :ok = KnockerSqlite.close(two)
  end
end
