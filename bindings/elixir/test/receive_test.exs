defmodule KnockerSqlite.ReceiveTest do
  use ExUnit.Case, async: true

  import KnockerSqlite.Testing
  import KnockerSqlite.Waiting
  alias KnockerSqlite.Error

  setup do
    inbox = temporary_inbox()
    KnockerSqlite.add_endpoint!(inbox, name: "token", provider: "token-header", secrets: "dev-secret")
    %{inbox: inbox}
  end

  defp valid(more \\ %{}),
    do: Map.merge(%{endpoint: "token", body: ~s({"a":1}), headers: [{"x-knocker-token", "dev-secret"}]}, more)

  test "the route of the samples works as it is written", %{inbox: webhooks} do
    conn = %{req_headers: [{"x-knocker-token", "dev-secret"}, {"content-type", "application/json"}], query_params: %{}}

    {:ok, result} =
      KnockerSqlite.receive(webhooks, %{
        endpoint: "token",
        provider: "token-header",
        secrets: ["dev-secret"],
        body: "{}",
        headers: Map.new(conn.req_headers),
        query: conn.query_params
      })

    assert result["status_code"] == 204
    assert result["response"] == %{"status_code" => 204, "headers" => %{}, "body" => nil}
    assert {:ok, %{"body_blob" => "{}", "body" => "{}"}} = KnockerSqlite.get_event(webhooks, result["event_id"])
  end

  test "a refused request is a result, and is kept", %{inbox: inbox} do
    assert {:ok, %{"status_code" => 401, "event_id" => nil, "delivery_id" => id}} =
             KnockerSqlite.receive(inbox, %{endpoint: "token", body: "x", headers: %{"x-knocker-token" => "guessed"}})

    assert %{"signature_valid" => false, "kind" => "rejected"} = KnockerSqlite.get_delivery!(inbox, id)
  end

  test "an unknown endpoint is an error that names what to answer", %{inbox: inbox} do
    assert {:error, %Error{code: :unknown_endpoint, http_status: 404}} =
             KnockerSqlite.receive(inbox, endpoint: "nobody", body: "")

    assert_raise Error, fn -> KnockerSqlite.receive!(inbox, endpoint: "nobody", body: "") end
  end

  test "Plug's list of headers keeps what comes twice", %{inbox: inbox} do
    headers = [{"x-knocker-token", "dev-secret"}, {"x-many", "1"}, {"x-many", "2"}]
    %{"event_id" => id} = KnockerSqlite.receive!(inbox, valid(%{headers: headers}))
    assert KnockerSqlite.get_event!(inbox, id)["headers"]["x-many"] == ["1", "2"]
  end

  defmodule Unfetched do
    # The shape of Plug.Conn.Unfetched.
    defstruct [:aspect]
  end

  test "what has not been fetched is no error", %{inbox: inbox} do
    assert {:ok, %{"status_code" => 204}} =
             KnockerSqlite.receive(inbox, valid(%{query: %Unfetched{aspect: :query_params}}))

    headers = %{"x-knocker-token" => "dev-secret", "x-odd" => %Unfetched{}, "x-none" => nil, "x-number" => 5}
    assert {:ok, %{"status_code" => 204, "event_id" => id}} = KnockerSqlite.receive(inbox, valid(%{headers: headers}))
    assert KnockerSqlite.get_event!(inbox, id)["headers"]["x-number"] == "5"
  end

  test "nested parameters, functions and uploads in a query are no error", %{inbox: inbox} do
    query = %{
      "a" => %{"b" => [1, %{"c" => nil}]},
      "f" => &String.length/1,
      "p" => self(),
      "u" => %URI{},
      :atom => :value
    }

    assert {:ok, %{"status_code" => 204, "event_id" => id}} = KnockerSqlite.receive(inbox, valid(%{query: query}))
    assert KnockerSqlite.get_event!(inbox, id)["query"]["atom"] == "value"
  end

  test "the raw query string, pairs and lists of characters are taken", %{inbox: inbox} do
    for query <- ["a=1&b=2", [{"a", "1"}, {"b", "2"}], [{~c"a", ~c"1"}, {:b, "2"}]] do
      %{"event_id" => id} = KnockerSqlite.receive!(inbox, valid(%{query: query}))
      assert KnockerSqlite.get_event!(inbox, id)["query"] == %{"a" => "1", "b" => "2"}
    end
  end

  test "a header that is not UTF-8 is no 500", %{inbox: inbox} do
    headers = [{"x-knocker-token", "dev-secret"}, {"x-name", <<0x4A, 0xFC, 0x72, 0x67>>}]
    assert %{"event_id" => id} = KnockerSqlite.receive!(inbox, valid(%{headers: headers}))
    assert KnockerSqlite.get_event!(inbox, id)["headers"]["x-name"] == "Jürg"
  end

  test "bodies are bytes: nothing in them is changed", %{inbox: inbox} do
    body = :crypto.strong_rand_bytes(100_000) <> <<0, 0xFF, 0>>

    %{"event_id" => id} =
      KnockerSqlite.receive!(
        inbox,
        valid(%{body: [binary_part(body, 0, 50), binary_part(body, 50, byte_size(body) - 50)]})
      )

    assert KnockerSqlite.get_event!(inbox, id)["body_blob"] == body
  end

  test "a body that a framework has parsed is refused with the way out", %{inbox: inbox} do
    assert {:error, %Error{code: :body_consumed, http_status: 500}} =
             KnockerSqlite.receive(inbox, valid(%{body: %{"a" => 1}}))

    assert {:error, %Error{code: :body_consumed}} = KnockerSqlite.receive(inbox, valid(%{body: [%{}]}))
    assert {:error, %Error{code: :body_consumed}} = KnockerSqlite.receive(inbox, valid(%{body: %Unfetched{}}))
  end

  test "a wrong option names the right one; wrong shapes are errors, never crashes", %{inbox: inbox} do
    assert {:error, %Error{code: :invalid_argument, details: %{"suggestion" => "headers"}}} =
             KnockerSqlite.receive(inbox, %{endpoint: "token", header: %{}})

    for wrong <- [nil, "text", [:a], [{1, 2}], self(), %Unfetched{}, %{endpoint: nil}, %{endpoint: self()}] do
      assert {:error, %Error{code: code}} = KnockerSqlite.receive(inbox, wrong)
      assert code in [:invalid_argument, :unknown_endpoint]
    end
  end

  test "a secret that is nil names its position", %{inbox: inbox} do
    assert {:error, %Error{code: :invalid_secret}} =
             KnockerSqlite.add_endpoint(inbox, name: "x", provider: "stripe", secrets: ["a", nil])

    assert {:error, %Error{code: :invalid_secret}} =
             KnockerSqlite.add_endpoint(inbox, name: "x", provider: "stripe", secrets: nil)
  end

  test "ingest takes what a trusted layer has verified", %{inbox: inbox} do
    KnockerSqlite.add_endpoint!(inbox, name: "bare")

    assert {:ok, %{"delivery_id" => id}} =
             KnockerSqlite.ingest(inbox, endpoint: "bare", body: "x", signature_valid: true)

    assert KnockerSqlite.get_delivery!(inbox, id)["signature_valid"] == true
  end

  test "many processes receive at once; each gets its own answer", %{inbox: inbox} do
    ids =
      1..300
      |> Task.async_stream(
        fn number ->
          %{"event_id" => id} = KnockerSqlite.receive!(inbox, valid(%{body: "#{number}"}))
          {id, number}
        end,
        max_concurrency: 64,
        timeout: 30_000
      )
      |> Enum.map(fn {:ok, pair} -> pair end)

    assert ids |> Enum.map(&elem(&1, 0)) |> Enum.uniq() |> length() == 300

    for {id, number} <- Enum.take_random(ids, 20),
        do: assert(KnockerSqlite.get_event!(inbox, id)["body"] == "#{number}")

    assert KnockerSqlite.stats!(inbox)["process"]["commits"] < 300
  end

  test "an inbox that is closed while requests wait answers each of them", %{inbox: inbox} do
    waiting = for n <- 1..200, do: Task.async(fn -> KnockerSqlite.receive(inbox, valid(%{body: "#{n}"})) end)
    KnockerSqlite.close(inbox)

    for answer <- Task.await_many(waiting, 20_000) do
      assert match?({:ok, %{"status_code" => 204}}, answer) or match?({:error, %Error{code: :closed}}, answer)
    end
  end

  test "processes that are killed while they receive leave nothing waiting", %{inbox: inbox} do
    for n <- 1..200 do
      pid = spawn(fn -> KnockerSqlite.receive(inbox, valid(%{body: "#{n}"})) end)
      if rem(n, 2) == 0, do: Process.exit(pid, :kill)
    end

    assert {:ok, %{"status_code" => 204}} = KnockerSqlite.receive(inbox, valid())
    assert wait_until(fn -> :sys.get_state(inbox.pid).waiting == %{} and :sys.get_state(inbox.pid).monitors == %{} end)
  end
end
