defmodule KnockerSqlite.OperationsTest do
  use ExUnit.Case, async: true

  import KnockerSqlite.Testing
  alias KnockerSqlite.Error

  doctest KnockerSqlite.Error

  @capi Path.expand("../../../capi", __DIR__)
  # What the package does by itself with these, and programs don't call.
  @inner ~w(completion_descriptor register_handler test_panic)

  setup do
    inbox = temporary_inbox(clock: [now_s: 1_767_225_600])
    KnockerSqlite.add_endpoint!(inbox, name: "shop")
    %{inbox: inbox}
  end

  test "every method of the C interface is a function here, with its bang twin" do
    sources = Path.wildcard("#{@capi}/*.go")

    methods =
      for file <- sources, [_, name] <- Regex.scan(~r/\b(?:of|free|alone)\("([a-z_]+)"/, File.read!(file)), do: name

    assert length(methods) > 25
    Code.ensure_loaded!(KnockerSqlite)
    functions = for {name, _} <- KnockerSqlite.__info__(:functions), do: to_string(name)
    assert Enum.uniq(methods) -- (functions ++ @inner) == []
    # The other functions of the interface, which are no methods.
    assert ~w(open close receive ingest start_worker run_worker run_worker_once stop run_retention) -- functions == []
    assert for(name <- Enum.uniq(methods) -- @inner, do: name <> "!") -- functions == []
  end

  test "every public function has documentation and a spec" do
    {:docs_v1, _, _, _, _, _, docs} = Code.fetch_docs(KnockerSqlite)
    undocumented = for {{:function, name, _}, _, _, :none, _} <- docs, name != :__struct__, do: name
    # Of several arities one is documented.
    assert undocumented -- [:register_handler, :register_handler] == []
    {:ok, specs} = Code.Typespec.fetch_specs(KnockerSqlite)
    specified = for {{name, _}, _} <- specs, do: name
    public = for {name, _} <- KnockerSqlite.__info__(:functions), name not in [:__struct__], do: name
    assert Enum.uniq(public) -- specified == []
  end

  test "endpoints are added, listed, disabled, paused and removed", %{inbox: inbox} do
    assert {:ok, %{"name" => "a", "path" => "/a", "enabled" => true}} =
             KnockerSqlite.add_endpoint(inbox, name: "a", path: "/a")

    assert {:error, %Error{code: :path_taken}} = KnockerSqlite.add_endpoint(inbox, %{"name" => "b", "path" => "/a"})
    assert %{"enabled" => false} = KnockerSqlite.disable_endpoint!(inbox, "a")
    assert {:error, %Error{code: :endpoint_disabled}} = KnockerSqlite.ingest(inbox, endpoint: "a", body: "")
    assert %{"enabled" => true} = KnockerSqlite.enable_endpoint!(inbox, "a")
    assert ["a", "shop"] = inbox |> KnockerSqlite.stream_endpoints(limit: 1) |> Enum.map(& &1["name"])
    KnockerSqlite.ingest!(inbox, endpoint: "a", body: "")
    assert {:error, %Error{code: :not_empty}} = KnockerSqlite.remove_endpoint(inbox, "a")
    assert %{"removed" => true} = KnockerSqlite.remove_endpoint!(inbox, "a", prune: true)
    assert {:error, %Error{code: :unknown_endpoint}} = KnockerSqlite.get_endpoint(inbox, "a")
  end

  test "streams follow the cursors, and read a page only when it is asked for", %{inbox: inbox} do
    for n <- 1..25, do: KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "#{n}")
    ids = inbox |> KnockerSqlite.stream_events(limit: 10, endpoint: "shop") |> Enum.map(& &1["id"])
    assert ids == Enum.to_list(25..1//-1)
    assert [%{"body_blob" => "25"}] = inbox |> KnockerSqlite.stream_events(bodies: true, limit: 1) |> Enum.take(1)
    assert 25 = inbox |> KnockerSqlite.stream_deliveries(%{"limit" => 7}) |> Enum.count()
    assert_raise Error, fn -> inbox |> KnockerSqlite.stream_events(statsu: "dead") |> Enum.to_list() end
  end

  test "actions follow the rules of the core", %{inbox: inbox} do
    %{"event_id" => id, "delivery_id" => delivery} = KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "")
    assert {:error, %Error{code: :invalid_state, http_status: 409}} = KnockerSqlite.replay(inbox, id)
    assert %{"event_id" => ^id} = KnockerSqlite.ignore!(inbox, id)
    assert %{"event_id" => ^id} = KnockerSqlite.requeue!(inbox, id)
    # Nobody handles it, which is the core's business: no handler runs.
    assert [] = drain(inbox)
    assert %{"status" => "dead"} = KnockerSqlite.get_event!(inbox, id)
    assert %{"event_id" => ^id} = KnockerSqlite.replay_delivery!(inbox, delivery)
    assert {:error, %Error{code: :not_found}} = KnockerSqlite.replay(inbox, 99)
    assert {:error, %Error{code: :invalid_argument}} = KnockerSqlite.replay(inbox, "one")
  end

  test "actions on all of a filter answer the sums over all calls, and tell how far they are", %{inbox: inbox} do
    for n <- 1..450, do: KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "#{n}")
    test = self()
    progress = fn matched, changed -> send(test, {:progress, matched, changed}) end

    assert {:ok, %{"matched" => 450, "changed" => 450, "skipped" => 0}} =
             KnockerSqlite.ignore_events(inbox, [endpoint: "shop"], progress: progress)

    assert_received {:progress, 450, first}
    assert first < 450
    assert_received {:progress, 450, 450}
    assert {:error, %Error{code: :invalid_argument}} = KnockerSqlite.replay_events(inbox, %{})
    assert %{"matched" => 450, "changed" => 0} = KnockerSqlite.replay_events!(inbox, [all: true], dry_run: true)
    assert KnockerSqlite.stats!(inbox)["events"] == %{"ignored" => 450}

    assert %{"changed" => 5, "erased_from_file" => _} =
             KnockerSqlite.expunge!(inbox, [status: "ignored"], limit: 5, reason: "asked for")
  end

  test "retention runs by itself, and its state is told", %{inbox: inbox} do
    assert {:ok, %{"events_pruned" => 0}} = KnockerSqlite.run_retention_pass(inbox, policy: [handled_s: 864_000])
    assert {:ok, _} = KnockerSqlite.run_retention(inbox, batch: 10)
    assert %{"running" => true} = KnockerSqlite.retention_state!(inbox)
    assert %{"stopped" => true} = KnockerSqlite.stop_retention!(inbox)
    assert [_ | _] = inbox |> KnockerSqlite.stream_audits() |> Enum.to_list()
    assert %{"integrity" => [], "foreign_keys" => []} = KnockerSqlite.check!(inbox, quick: true)
  end

  test "a refused delivery is explained, checked again, and taken in by decision", %{inbox: inbox} do
    KnockerSqlite.add_endpoint!(inbox, name: "github", provider: "github", secrets: "old")
    signed = sign(provider: "github", secret: "new", body: ~s({"a":1}), event_type: "push")
    request = %{endpoint: "github", headers: signed["headers"], body: signed["body"]}
    %{"status_code" => 401, "delivery_id" => id} = KnockerSqlite.receive!(inbox, request)
    assert %{"valid" => false, "steps" => [_ | _]} = KnockerSqlite.explain_delivery!(inbox, id)
    assert %{"valid" => true} = KnockerSqlite.explain_delivery!(inbox, id, secrets: "new")
    KnockerSqlite.add_endpoint!(inbox, name: "github", provider: "github", secrets: ["old", "new"])
    assert %{"matched" => 1, "changed" => 1} = KnockerSqlite.reverify!(inbox, endpoint: "github")
    %{"delivery_id" => other} = KnockerSqlite.receive!(inbox, %{request | body: "{}"})
    assert %{"event_id" => event} = KnockerSqlite.accept_delivery!(inbox, other, "seen by hand", event_type: "push")
    assert %{"event_type" => "push", "status" => "received"} = KnockerSqlite.get_event!(inbox, event)
  end

  test "pruning takes a DateTime or seconds, and is audited", %{inbox: inbox} do
    %{"event_id" => id} = KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "")
    KnockerSqlite.ignore!(inbox, id)
    moment = DateTime.from_unix!(1_767_225_601)
    assert {:error, %Error{code: :invalid_argument}} = KnockerSqlite.prune_events(inbox, moment)
    assert {:ok, %{"events_pruned" => 1}} = KnockerSqlite.prune_events(inbox, moment, force: true)
    assert {:ok, %{"deliveries_pruned" => 0}} = KnockerSqlite.prune_orphan_deliveries(inbox, 1)
  end

  test "a backup is an inbox of its own", %{inbox: inbox} do
    KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "kept")
    copy = Path.join(temporary_folder(), "copy.db")
    assert {:ok, _} = KnockerSqlite.backup(inbox, copy)
    other = KnockerSqlite.open!(copy)
    assert [%{"body" => "kept"}] = KnockerSqlite.list_events!(other, bodies: true)["events"]
    KnockerSqlite.close(other)
  end

  test "hooks tell what happened, once", %{inbox: inbox} do
    assert {:error, %Error{code: :invalid_state}} = KnockerSqlite.poll_hooks(inbox)
    KnockerSqlite.watch_hooks!(inbox)
    KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "")
    assert "received" in Enum.map(KnockerSqlite.poll_hooks!(inbox)["events"], & &1["kind"])
    refute "received" in Enum.map(KnockerSqlite.poll_hooks!(inbox)["events"], & &1["kind"])
  end

  test "what is told about an error is what the core says", %{inbox: inbox} do
    {:error, error} = KnockerSqlite.list_events(inbox, stauts: "dead")

    assert %Error{code: :invalid_argument, http_status: 500, retryable: false, details: %{"suggestion" => "status"}} =
             error

    assert Exception.message(error) == error.message
    assert map_size(KnockerSqlite.ErrorCodes.table()) > 30
    assert KnockerSqlite.ErrorCodes.atom("from_the_future") == "from_the_future"
  end

  defmodule Events do
    @behaviour KnockerSqlite.Telemetry
    @impl true
    def execute(name, measurements, metadata) do
      case :persistent_term.get(__MODULE__, nil) do
        nil -> :ok
        pid -> send(pid, {:event, name, measurements, metadata})
      end

      raise "what a handler of events raises is swallowed"
    end
  end

  test "telemetry goes to the adapter; one that raises harms nobody", %{inbox: inbox} do
    Application.put_env(:knocker_sqlite, :telemetry, Events)
    :persistent_term.put(Events, self())
    KnockerSqlite.register_handler(inbox, "shop", fn _, _ -> :ok end)
    %{"event_id" => id} = KnockerSqlite.ingest!(inbox, endpoint: "shop", body: "abc")
    assert [%{"status" => "handled"}] = drain(inbox)
    :persistent_term.erase(Events)
    Application.delete_env(:knocker_sqlite, :telemetry)

    assert_received {:event, [:knocker_sqlite, :receive, :stop], %{duration: _, body_bytes: 3},
                     %{event_id: ^id, error: nil}}

    assert_received {:event, [:knocker_sqlite, :handler, :start], %{system_time: _}, %{event_id: ^id, attempt: 1}}

    assert_received {:event, [:knocker_sqlite, :handler, :stop], %{duration: duration},
                     %{event_id: ^id, status: "handled"}}

    assert duration > 0
  end
end
