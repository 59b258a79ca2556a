defmodule KnockerSqlite.AttachTest do
  # Inboxes on connections of erlang-p1-sqlite3, a driver of Erlang's for the system's SQLite.
  use ExUnit.Case, async: false

  import KnockerSqlite.Testing

  alias KnockerSqlite.Error

  @headers [{"x-knocker-token", "s3cr3t-token"}]

  setup do
    path = Path.join(temporary_folder(), "app.db")
    {:ok, db} = connect(path)

    for sql <- ["PRAGMA journal_mode = WAL", "PRAGMA foreign_keys = ON", "CREATE TABLE orders (event INTEGER)"],
        do: {:ok, _} = query(db, sql)

    %{db: db, path: path, run: &query(db, &1, &2)}
  end

  defp connect(path) do
    {:ok, db} = :sqlite3.start_link(:"db#{System.unique_integer([:positive])}", file: String.to_charlist(path))
    :ok = :sqlite3.enable_load_extension(db, 1)
    {:ok, db}
  end

  # The function that docs/orms.md shows.
  defp query(db, sql, parameters \\ []) do
    case :sqlite3.sql_exec(db, sql, parameters) do
      [columns: _, rows: rows] -> {:ok, Enum.map(rows, &Tuple.to_list/1)}
      {:error, _, message} -> {:error, to_string(message)}
      {:error, reason} -> {:error, inspect(reason)}
      # What fails after the statement's first step.
      [_, _, {:error, _, message}] -> {:error, to_string(message)}
      _ -> {:ok, []}
    end
  end

  defp value(db, sql, parameters \\ []) do
    {:ok, [[value]]} = query(db, sql, parameters)
    value
  end

  defp attach(run, options \\ []) do
    {:ok, inbox} = KnockerSqlite.attach(run, options)

    KnockerSqlite.add_endpoint!(inbox,
      name: "shop",
      provider: "token-header",
      secrets: "s3cr3t-token",
      provider_options: %{event_id_path: "id"}
    )

    inbox
  end

  defp post(inbox, id), do: KnockerSqlite.receive!(inbox, endpoint: "shop", body: ~s({"id":"#{id}"}), headers: @headers)

  # The README's walk in plain SQL: the application's row, "handled" and the job's end are one commit, or none.
  test "the SQL walk", %{db: db, run: run} do
    assert :ok = KnockerSqlite.load(run)
    assert value(db, "SELECT knocker_endpoint_upsert('provider', '/webhooks/provider', 'token-header', 1)") == 1

    receipt =
      value(
        db,
        "SELECT knocker_receive('provider', 'token-header', json_array('dev-secret'), json_object(), 'POST', ?, ?, NULL, NULL, NULL, NULL, NULL, 'knocker.events', 3)",
        [~s({"x-knocker-token":"dev-secret"}), {:blob, <<0, 255>>}]
      )

    assert %{"status_code" => 204, "event_id" => event} = KnockerSqlite.JSON.decode!(receipt)

    for {ending, expected} <- [{"ROLLBACK", [0, "received", 1]}, {"COMMIT", [1, "handled", 0]}] do
      {:ok, _} = query(db, "BEGIN IMMEDIATE")
      [job] = db |> value("SELECT honker_claim_batch('knocker.events', 'w', 10, 60)") |> KnockerSqlite.JSON.decode!()
      assert value(db, "SELECT knocker_mark_processing(#{event}, 1)") == 1
      {:ok, _} = query(db, "INSERT INTO orders VALUES (#{event})")
      assert value(db, "SELECT knocker_mark_handled(#{event}, 7)") == 1
      assert value(db, "SELECT honker_ack(#{job["id"]}, 'w')") == 1
      {:ok, _} = query(db, ending)
      status = value(db, "SELECT status FROM knocker_events")

      assert [value(db, "SELECT count(*) FROM orders"), status, value(db, "SELECT count(*) FROM _honker_live")] ==
               expected
    end
  end

  test "loading makes no tables when told so, and says what is missing", %{db: db, run: run} do
    assert :ok = KnockerSqlite.load(run, bootstrap: false)
    assert value(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'knocker_%'") == 0
    assert {:error, "schema_missing: " <> _} = query(db, "SELECT knocker_replay(1, 'q', 3)")
    :ok = :sqlite3.enable_load_extension(db, 0)
    assert {:error, %Error{code: :sql_error, message: "not authorized"}} = KnockerSqlite.load(run)
  end

  test "an attached inbox answers as an opened one", %{run: run, path: path} do
    inbox = attach(run)
    assert %{"status_code" => 204, "durable" => true, "event_id" => 1} = post(inbox, 1)
    assert %{"duplicate" => true} = post(inbox, 1)
    assert KnockerSqlite.get_event!(inbox, 1)["body_blob"] == ~s({"id":"1"})
    assert %{"status_code" => 401} = KnockerSqlite.receive!(inbox, endpoint: "shop", body: "{}")
    assert [%{"id" => 1}] = Enum.to_list(KnockerSqlite.stream_events(inbox))
    assert {inbox.path, inbox.info["engine"]} == {path, "host"}
    assert {:error, %Error{code: :unknown_endpoint}} = KnockerSqlite.receive(inbox, endpoint: "none", body: "")
    assert {:error, %Error{code: :open_options_conflict}} = KnockerSqlite.attach(run, max_attempts: 3)
    assert {:error, %Error{code: :invalid_state}} = KnockerSqlite.backup(inbox, path <> ".copy")
    assert {:error, %Error{code: :invalid_state}} = KnockerSqlite.start_worker(inbox)
    assert {:error, %Error{code: :invalid_argument}} = KnockerSqlite.run_worker_once(inbox, concurrency: 2)
    assert :ok = KnockerSqlite.close(inbox)
  end

  test "a receipt is part of the open transaction", %{db: db, run: run} do
    inbox = attach(run)
    {:ok, _} = query(db, "BEGIN IMMEDIATE")
    assert %{"durable" => false} = post(inbox, 1)
    {:ok, _} = query(db, "ROLLBACK")
    assert KnockerSqlite.stats!(inbox)["deliveries"] == 0
  end

  test "a handler's rows and handled commit or roll back together", %{db: db, run: run} do
    inbox = attach(run, tx: db)

    KnockerSqlite.register_handler(inbox, "shop", fn event, tx ->
      {:ok, _} = query(tx, "INSERT INTO orders VALUES (#{event["id"]})")

      case KnockerSqlite.json(event)["id"] do
        "1" -> raise "no stock"
        "2" -> {:retry_after, 60}
        "3" -> :discard
        "4" -> {:ignore, "a test"}
        "5" -> {:retry_after, -1}
        "6" -> throw(:ball)
        "7" -> query(tx, "COMMIT")
        "8" -> :ok
      end
    end)

    for id <- 1..8, do: post(inbox, id)
    statuses = for finished <- KnockerSqlite.run_worker_once!(inbox), do: finished["status"]
    assert statuses == ~w(failed failed dead ignored failed failed failed handled)
    # What a handler commits itself stays, though its run failed.
    assert {:ok, [[7], [8]]} = query(db, "SELECT event FROM orders ORDER BY event")
    assert {:ok, [%{"error" => "RuntimeError: no stock"}]} = attempts(inbox, 1)
    assert {:ok, [%{"error" => error}]} = attempts(inbox, 7)
    assert error =~ "transaction_ended"
  end

  test "a deferred foreign key at the commit is the handler's failure", %{db: db, run: run} do
    {:ok, _} = query(db, "CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    {:ok, _} = query(db, "CREATE TABLE lines (parent REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)")
    inbox = attach(run, tx: db)
    KnockerSqlite.register_handler(inbox, "shop", fn _, tx -> query(tx, "INSERT INTO lines VALUES (7)") end)
    post(inbox, 1)
    assert [%{"status" => "failed"}] = KnockerSqlite.run_worker_once!(inbox)
    assert {:ok, [%{"error" => error}]} = attempts(inbox, 1)
    assert error =~ "FOREIGN KEY"
    assert value(db, "SELECT count(*) FROM lines") == 0
  end

  test "a worker runs in its process until that ends", %{db: db, path: path} do
    parent = self()

    worker =
      spawn(fn ->
        {:ok, own} = connect(path)
        inbox = attach(&query(own, &1, &2))
        KnockerSqlite.register_handler(inbox, "shop", fn event, _ -> send(parent, {:ran, event["id"], self()}) end)
        send(parent, :ready)
        KnockerSqlite.run_worker(inbox)
      end)

    assert_receive :ready, 10_000
    {:ok, inbox} = KnockerSqlite.attach(&query(db, &1, &2))
    post(inbox, 1)
    assert_receive {:ran, 1, ^worker}, 10_000
    Process.exit(worker, :kill)
  end

  # A VM that is killed between the application's INSERT and the COMMIT has done neither; the second run does both.
  @tag timeout: 120_000
  test "a worker that is killed between the write and the commit has done neither", %{db: db, path: path, run: run} do
    post(attach(run), 1)
    {_, status} = program(path, ~s|System.cmd("kill", ["-9", System.pid()])|)
    assert status != 0
    assert [value(db, "SELECT count(*) FROM orders"), value(db, "SELECT attempts FROM _honker_live")] == [0, 1]
    # Until the lease of the dead one is over, there is nothing to do.
    assert Enum.any?(1..20, fn _ -> match?({_, 0}, program(path, ":ok")) end)
    assert {:ok, [[1]]} = query(db, "SELECT event FROM orders")
    assert value(db, "SELECT status FROM knocker_events") == "handled"
  end

  defp program(path, then) do
    source = """
    {:ok, db} = :sqlite3.start_link(:app, file: ~c"#{path}")
    :ok = :sqlite3.enable_load_extension(db, 1)
    query = fn sql, parameters ->
      case :sqlite3.sql_exec(db, sql, parameters) do
        [columns: _, rows: rows] -> {:ok, Enum.map(rows, &Tuple.to_list/1)}
        {:error, _, message} -> {:error, to_string(message)}
        _ -> {:ok, []}
      end
    end
    inbox = KnockerSqlite.attach!(query)
    KnockerSqlite.add_endpoint!(inbox, name: "shop", provider: "token-header", secrets: "s3cr3t-token")
    KnockerSqlite.register_handler(inbox, "shop", fn event, tx ->
      {:ok, _} = tx.("INSERT INTO orders VALUES (\#{event["id"]})", [])
      #{then}
    end)
    [%{"status" => "handled"}] = KnockerSqlite.run_worker_once!(inbox, lease_s: 1)
    """

    ebin = Application.app_dir(:knocker_sqlite, "ebin")
    System.cmd("elixir", ["-pa", ebin, "-e", source], stderr_to_stdout: true)
  end

  defp attempts(inbox, event) do
    with {:ok, %{"attempts" => attempts}} <- KnockerSqlite.list_attempts(inbox, event), do: {:ok, attempts}
  end
end
