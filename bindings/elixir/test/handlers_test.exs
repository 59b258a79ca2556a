defmodule KnockerSqlite.HandlersTest do
  use ExUnit.Case, async: true

  import KnockerSqlite.Testing
  import KnockerSqlite.Waiting
  alias KnockerSqlite.{Error, Tx}

  setup do
    inbox = temporary_inbox()
    KnockerSqlite.add_endpoint!(inbox, name: "shop")
    %{inbox: inbox}
  end

  defp run(inbox, handler, options \\ []) do
    KnockerSqlite.register_handler(inbox, "shop", nil, handler, options)
    %{"event_id" => id} = KnockerSqlite.ingest!(inbox, endpoint: "shop", body: ~s({"total":4200}))
    [finished] = KnockerSqlite.run_worker_once!(inbox)
    assert finished["event_id"] == id
    {finished["status"], KnockerSqlite.get_event!(inbox, id)}
  end

  defp rows(inbox, sql) do
    test = self()
    KnockerSqlite.add_endpoint!(inbox, name: "look")
    KnockerSqlite.register_handler(inbox, "look", fn _, tx -> send(test, {:rows, Tx.query!(tx, sql)["rows"]}) end)
    KnockerSqlite.ingest!(inbox, endpoint: "look", body: "")
    [%{"status" => "handled"}] = KnockerSqlite.run_worker_once!(inbox)
    assert_received {:rows, rows}
    rows
  end

  test "the handler of the samples: its writes and handled are one commit", %{inbox: webhooks} do
    webhooks =
      KnockerSqlite.register_handler(webhooks, "shop", "invoice.created", fn event, tx ->
        payload = KnockerSqlite.json(event)
        Tx.execute!(tx, "CREATE TABLE invoices(provider_id TEXT, total_cents INTEGER)")

        Tx.execute(tx, "INSERT INTO invoices(provider_id, total_cents) VALUES (?, ?)", [payload["id"], payload["total"]])
      end)

    KnockerSqlite.ingest!(webhooks,
      endpoint: "shop",
      event_type: "invoice.created",
      body: ~s({"id":"in_1","total":4200})
    )

    assert [%{"status" => "handled", "error" => nil}] = drain(webhooks)
    assert rows(webhooks, "SELECT * FROM invoices") == [["in_1", 4200]]
  end

  test "a raise rolls back, and says type and message", %{inbox: inbox} do
    {status, event} =
      run(inbox, fn _, tx ->
        Tx.execute!(tx, "CREATE TABLE t(a)")
        raise ArgumentError, "the till is closed"
      end)

    assert {status, event["last_error"]} == {"failed", "ArgumentError: the till is closed"}
    assert rows(inbox, "SELECT count(*) FROM sqlite_master WHERE name = 't'") == [[0]]
  end

  test "throws, exits and error tuples fail too", %{inbox: inbox} do
    for {handler, said} <- [
          {fn _, _ -> throw(:ball) end, "throw: :ball"},
          {fn _, _ -> exit(:reason) end, ":reason"},
          {fn _, _ -> exit(:normal) end, "normal"},
          {fn _, _ -> Process.exit(self(), :kill) && Process.sleep(1000) end, "killed"},
          {fn _, _ -> {:error, :no_stock} end, ":no_stock"},
          {fn _, _ -> :error end, "error"},
          {fn _, _ -> {:error, %Error{code: :busy, message: "full"}} end, "full"}
        ] do
      {status, event} = run(inbox, handler)
      assert status == "failed"
      assert event["last_error"] =~ said
    end
  end

  test "a crash of a handler's process takes its linked processes along and rolls back", %{inbox: inbox} do
    test = self()

    {status, _} =
      run(inbox, fn _, tx ->
        Tx.execute!(tx, "CREATE TABLE t(a)")
        send(test, {:linked, spawn_link(fn -> Process.sleep(:infinity) end)})
        spawn_link(fn -> exit(:boom) end)
        Process.sleep(5_000)
      end)

    assert status == "failed"
    assert_received {:linked, linked}
    refute Process.alive?(linked)
    assert rows(inbox, "SELECT count(*) FROM sqlite_master WHERE name = 't'") == [[0]]
  end

  test "a handler chooses its outcome by what it returns", %{inbox: inbox} do
    assert {"dead", %{"last_error" => error}} = run(inbox, fn _, _ -> {:discard, "nobody wants it"} end)
    assert error =~ "nobody wants it"
    assert {"ignored", _} = run(inbox, fn _, _ -> :ignore end)
    assert {"ignored", _} = run(inbox, fn _, _ -> {:ignore, "not ours"} end)
    assert {"failed", _} = run(inbox, fn _, _ -> {:retry_after, 120, "later"} end)
    assert {"failed", %{"last_error" => error}} = run(inbox, fn _, _ -> {:retry_after, -1} end)
    assert error =~ "seconds"
    assert {"handled", _} = run(inbox, fn _, _ -> {:ok, :whatever} end)
    assert {"handled", _} = run(inbox, fn _, _ -> nil end)
  end

  test "retry_after runs again then, not before" do
    inbox = temporary_inbox(clock: [now_s: 1_000_000])
    KnockerSqlite.add_endpoint!(inbox, name: "shop")
    assert {"failed", _} = run(inbox, fn _, _ -> {:retry_after, 100} end)
    assert set_clock(inbox, 1_000_090) == :ok
    assert KnockerSqlite.run_worker_once!(inbox) == []
    assert set_clock(inbox, 1_000_101) == :ok
    assert [%{"status" => "failed"}] = KnockerSqlite.run_worker_once!(inbox)
  end

  test "values of all kinds go to SQLite and come back", %{inbox: inbox} do
    values = [
      nil,
      0,
      -1,
      9_007_199_254_740_993,
      -9_223_372_036_854_775_808,
      1.5,
      -0.0,
      1.0e300,
      :infinity,
      :"-infinity",
      "é😀\0",
      ""
    ]

    test = self()

    assert {"handled", _} =
             run(inbox, fn _, tx ->
               for value <- values, do: send(test, {:value, value, Tx.query!(tx, "SELECT ?", [value])["rows"]})
               send(test, {:blob, Tx.query!(tx, "SELECT typeof(:b), :b", b: {:blob, <<0, 255>>})["rows"]})
               send(test, {:alone, Tx.query!(tx, "SELECT typeof(?)", [{:blob, "x"}])["rows"]})
               send(test, {:bool, Tx.query!(tx, "SELECT :t + 1", %{"t" => true})["rows"]})
               send(test, {:latin, Tx.query!(tx, "SELECT ?, typeof(?1)", [<<0xFF>>])["rows"]})
               send(test, {:all, Tx.all!(tx, "SELECT 1 AS a, 'x' AS b")})
             end)

    for value <- values do
      assert_received {:value, ^value, [[back]]}
      assert back === value
    end

    assert_received {:blob, [["blob", <<0, 255>>]]}
    assert_received {:alone, [["blob"]]}
    assert_received {:bool, [[2]]}
    assert_received {:latin, [[<<0xFF>>, "text"]]}
    assert_received {:all, [%{"a" => 1, "b" => "x"}]}
  end

  test "errors of SQL are answers with a code, and the handler may go on", %{inbox: inbox} do
    test = self()

    assert {"handled", _} =
             run(inbox, fn _, tx ->
               send(test, {:sql, Tx.execute(tx, "INSERT INTO nothing VALUES (1)")})
               send(test, {:begin, Tx.execute(tx, "COMMIT")})

               for wrong <- ["one", %URI{}, [self()], [1 | 2], [{:blob, 1}]],
                   do: send(test, {:params, Tx.query(tx, "SELECT ?", wrong)})

               send(test, {:state, Tx.begin(tx)})
             end)

    assert_received {:sql, {:error, %Error{code: :sql_error}}}
    assert_received {:begin, {:error, %Error{code: :forbidden_in_handler}}}
    for _ <- 1..5, do: assert_received({:params, {:error, %Error{code: :invalid_argument}}})
    assert_received {:state, :ok}
  end

  test "only a handler's own process may use its transaction", %{inbox: inbox} do
    test = self()

    run(inbox, fn _, tx ->
      send(test, {:other, Task.await(Task.async(fn -> Tx.execute(tx, "CREATE TABLE t(a)") end))})
      send(test, {:tx, tx})
      Tx.begin(tx)
    end)

    assert_received {:other, {:error, %Error{code: :invalid_argument}}}
    assert_received {:tx, tx}
    assert {:error, %Error{code: :invalid_argument}} = Tx.query(tx, "SELECT 1")
  end

  test "a handler that receives while its transaction is open does not wait for itself", %{inbox: inbox} do
    test = self()

    assert {"handled", _} =
             run(inbox, fn _, tx ->
               Tx.begin(tx)
               send(test, {:receive, KnockerSqlite.ingest(inbox, endpoint: "shop", body: "")})
               send(test, {:action, KnockerSqlite.replay(inbox, 1)})
             end)

    assert_received {:receive, {:error, %Error{code: :would_deadlock}}}
    assert_received {:action, {:error, %Error{code: :would_deadlock}}}
  end

  test "a handler over its time is ended, and its writes are rolled back" do
    inbox = temporary_inbox(clock: nil)
    KnockerSqlite.add_endpoint!(inbox, name: "shop")
    test = self()

    {status, event} =
      run(
        inbox,
        fn _, tx ->
          send(test, {:handler, self()})
          Tx.execute!(tx, "CREATE TABLE t(a)")
          Process.sleep(60_000)
        end,
        timeout_s: 0.3
      )

    assert_received {:handler, pid}
    refute Process.alive?(pid)
    assert status in ["failed", "lost"]
    assert event["status"] == "failed"
    assert rows(inbox, "SELECT count(*) FROM sqlite_master WHERE name = 't'") == [[0]]
  end

  test "a handler whose lease was lost is ended, and another worker's run counts" do
    now = System.os_time(:second)
    inbox = temporary_inbox(clock: [now_s: now])
    KnockerSqlite.add_endpoint!(inbox, name: "shop")
    test = self()

    KnockerSqlite.register_handler(inbox, "shop", fn _, tx ->
      send(test, {:handler, self()})
      receive do: (:go -> Tx.execute!(tx, "CREATE TABLE t(a)"))
    end)

    KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "")
    for _ <- 1..2, do: {:ok, _} = KnockerSqlite.start_worker(inbox, lease_s: 5)
    assert_receive {:handler, first}, 5_000
    monitor = Process.monitor(first)
    KnockerSqlite.set_clock!(inbox, now + 100)
    assert_receive {:handler, second}, 5_000
    assert_receive {:DOWN, ^monitor, _, _, :killed}, 5_000
    send(second, :go)
    assert wait_until(fn -> KnockerSqlite.stats!(inbox)["events"] == %{"handled" => 1} end)
    assert KnockerSqlite.stats!(inbox)["process"]["leases_lost"] == 1
  end

  test "handlers are found by type, by prefix, and taken away again", %{inbox: inbox} do
    test = self()

    for type <- [nil, "invoice.*", "invoice.paid"],
        do: KnockerSqlite.register_handler(inbox, "shop", type, fn e, _ -> send(test, {type, e["event_type"]}) end)

    for type <- ["invoice.paid", "invoice.new", "order"] do
      KnockerSqlite.ingest!(inbox, endpoint: "shop", event_type: type, body: "")
    end

    drain(inbox)
    assert_received {"invoice.paid", "invoice.paid"}
    assert_received {"invoice.*", "invoice.new"}
    assert_received {nil, "order"}

    {:ok, number} = KnockerSqlite.handler(inbox, "shop", "gone", fn _, _ -> :ok end)
    assert KnockerSqlite.unregister_handler!(inbox, number) == %{"removed" => true}
    assert_raise Error, fn -> KnockerSqlite.register_handler(inbox, "shop", "x", fn _ -> :ok end) end
    assert_raise Error, fn -> KnockerSqlite.register_handler(inbox, "shop", "x", fn _, _ -> :ok end, time: 1) end
  end

  def handle_by_name(_event, _tx), do: {:discard, "by name"}

  test "a handler may be a module and a function", %{inbox: inbox} do
    assert {"dead", _} = run(inbox, {__MODULE__, :handle_by_name})
  end
end
