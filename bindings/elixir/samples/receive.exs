# Receive webhooks over HTTP: `mix run --no-halt samples/receive.exs`.
#
# STRIPE_WEBHOOK_SECRET is the endpoint's secret, DATABASE the file (app.db), PORT where to listen (4000).
# Erlang's own HTTP server stands for the application's: the route is the same under Plug and Phoenix. It passes on
# what it got and answers what the inbox says, for GET and HEAD too, because some providers ask with these whether
# the URL is yours.

defmodule Sample.Route do
  require Record
  Record.defrecord(:mod, Record.extract(:mod, from_lib: "inets/include/httpd.hrl"))

  # The callback of a module of httpd.
  def unquote(:do)(mod(request_uri: uri, parsed_header: headers, entity_body: body, method: method)) do
    %URI{path: path, query: query} = uri |> to_string() |> URI.parse()
    {status, headers, body} = route(path, to_string(method), headers, query, :erlang.list_to_binary(body))
    headers = for {name, value} <- headers, do: {String.to_charlist(name), String.to_charlist(value)}
    head = [{:code, status}, {:content_length, Integer.to_charlist(byte_size(body))} | headers]
    {:proceed, [{:response, {:response, head, [body]}}]}
  end

  def route("/webhooks/orders", method, headers, query, body) do
    case KnockerSqlite.receive(Sample.Inbox, %{
           endpoint: "orders",
           method: method,
           headers: headers,
           query: query,
           body: body
         }) do
      {:ok, %{"response" => response}} -> {response["status_code"], response["headers"], response["body"] || ""}
      {:error, error} -> {error.http_status, %{}, ""}
    end
  end

  def route(_, _, _, _, _), do: {404, %{}, "not found"}
end

defmodule Sample.Application do
  use Application

  @impl true
  def start(_, _) do
    children = [
      {KnockerSqlite,
       name: Sample.Inbox,
       path: System.get_env("DATABASE", "app.db"),
       endpoints: [
         [name: "orders", provider: "stripe", secrets: System.get_env("STRIPE_WEBHOOK_SECRET"), unhandled: "ignore"]
       ]}
    ]

    Supervisor.start_link(children, strategy: :one_for_one)
  end
end

# A script is no application; this makes it one, so that it outlives the script.
:ok =
  :application.load(
    {:application, :sample, mod: {Sample.Application, []}, applications: [:knocker_sqlite, :inets], vsn: ~c"1"}
  )

{:ok, _} = Application.ensure_all_started(:sample, :permanent)

root = String.to_charlist(File.cwd!())

{:ok, server} =
  :inets.start(:httpd,
    port: String.to_integer(System.get_env("PORT", "4000")),
    server_name: ~c"localhost",
    server_root: root,
    document_root: root,
    bind_address: {127, 0, 0, 1},
    modules: [Sample.Route]
  )

IO.puts("listening on #{:httpd.info(server)[:port]}")
