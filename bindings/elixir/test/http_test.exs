defmodule KnockerSqlite.HttpTest do
  # Real HTTP: Erlang's own server and client, and requests that official SDKs have signed.
  use ExUnit.Case, async: false

  import KnockerSqlite.Testing

  @fixtures Path.expand("../../../conformance/fixtures", __DIR__)

  defmodule Route do
    @moduledoc "What a route does: pass on what came, answer what the inbox says."
    require Record
    Record.defrecord(:mod, Record.extract(:mod, from_lib: "inets/include/httpd.hrl"))

    def unquote(:do)(mod(request_uri: uri, parsed_header: headers, entity_body: body, method: method)) do
      %URI{path: "/webhooks/" <> endpoint, query: query} = uri |> to_string() |> URI.parse()

      answer =
        KnockerSqlite.receive(KnockerSqlite.HttpTest.Inbox, %{
          endpoint: endpoint,
          method: to_string(method),
          headers: headers,
          query: query,
          body: :erlang.list_to_binary(body)
        })

      case answer do
        {:ok, %{"response" => response}} ->
          respond(response["status_code"], response["headers"], response["body"] || "")

        {:error, error} ->
          respond(error.http_status, %{}, "")
      end
    end

    defp respond(status, headers, body) do
      head = for {name, value} <- headers, do: {String.to_charlist(name), String.to_charlist(value)}
      head = [{:code, status}, {:content_length, Integer.to_charlist(byte_size(body))} | head]
      {:proceed, [{:response, {:response, head, [body]}}]}
    end
  end

  setup_all do
    {:ok, _} = Application.ensure_all_started(:inets)
    folder = temporary_folder()

    {:ok, server} =
      :inets.start(:httpd,
        port: 0,
        server_name: ~c"localhost",
        server_root: String.to_charlist(folder),
        document_root: String.to_charlist(folder),
        bind_address: {127, 0, 0, 1},
        modules: [Route]
      )

    on_exit(fn -> :inets.stop(:httpd, server) end)
    [port: port] = :httpd.info(server, [:port])
    %{port: port}
  end

  defp case_of(provider, description) do
    [@fixtures, provider, "recorded.json"]
    |> Path.join()
    |> File.read!()
    |> KnockerSqlite.JSON.decode!()
    |> Enum.find(&(&1["description"] =~ description)) || flunk("no case #{description} of #{provider}")
  end

  defp post(port, path, headers, body) do
    headers = for {name, value} <- headers, do: {String.to_charlist(name), String.to_charlist(value)}

    {_, type} =
      Enum.find(headers, {nil, ~c"application/json"}, fn {name, _} ->
        String.downcase(to_string(name)) == "content-type"
      end)

    url = String.to_charlist("http://127.0.0.1:#{port}/webhooks/#{path}")

    {:ok, {{_, status, _}, answered, answer}} =
      :httpc.request(:post, {url, headers, type, body}, [timeout: 20_000], body_format: :binary)

    {status, Map.new(answered, fn {name, value} -> {to_string(name), to_string(value)} end), answer}
  end

  defp inbox(request, provider) do
    start_supervised!(
      {KnockerSqlite,
       name: KnockerSqlite.HttpTest.Inbox,
       path: Path.join(temporary_folder(), "http.db"),
       clock: [now_s: request["now_s"]],
       endpoints: [
         [name: "hook", provider: provider, secrets: request["secrets"], provider_options: request["provider_options"]]
       ]}
    )

    KnockerSqlite.HttpTest.Inbox
  end

  for provider <- ["stripe", "github", "slack", "standard-webhooks", "shopify", "paddle"] do
    test "a request signed by #{provider}'s SDK is taken, a changed one is refused", %{port: port} do
      %{"request" => request} = case_of(unquote(provider), "valid: event 1")
      inbox = inbox(request, unquote(provider))
      assert {status, _, _} = post(port, "hook", request["headers"], request["body"])
      assert status in 200..204
      assert [%{"body_blob" => body}] = KnockerSqlite.list_events!(inbox, bodies: true)["events"]
      assert body == request["body"]
      assert {401, _, _} = post(port, "hook", request["headers"], request["body"] <> " ")
      assert {404, _, _} = post(port, "nobody", request["headers"], request["body"])
    end
  end

  test "what the core signs for a test is taken over HTTP, with its answer's body and headers", %{port: port} do
    now = 1_767_225_600
    inbox = inbox(%{"now_s" => now, "secrets" => "s3cret", "provider_options" => %{}}, "slack")
    body = ~s({"type":"url_verification","challenge":"c-1"})
    signed = sign(provider: "slack", secret: "s3cret", body: body, at: now)
    assert {200, headers, answer} = post(port, "hook", signed["headers"], signed["body"])
    assert answer =~ "c-1"
    assert headers["x-content-type-options"] == "nosniff"
    assert KnockerSqlite.list_events!(inbox)["events"] == []
  end

  test "a form with bytes that are no UTF-8 arrives as it was sent", %{port: port} do
    inbox = inbox(%{"now_s" => 1, "secrets" => "tok", "provider_options" => %{}}, "token-header")
    body = <<"name=", 0xFF, 0xFE, "&x=%FF">>
    headers = %{"x-knocker-token" => "tok", "content-type" => "application/x-www-form-urlencoded"}
    assert {204, _, _} = post(port, "hook?a=1&a=2", headers, body)

    assert [%{"body_blob" => ^body, "query" => %{"a" => ["1", "2"]}}] =
             KnockerSqlite.list_events!(inbox, bodies: true)["events"]
  end
end
