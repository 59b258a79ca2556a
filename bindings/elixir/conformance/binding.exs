defmodule Conformance.Binding do
  @moduledoc "The Elixir binding behind the names and the plain form of docs/abi.md."

  alias KnockerSqlite.{Error, Tx}

  # Arguments that come before the options, in their order. What is not listed takes a map, or nothing.
  @fixed %{
    "get_endpoint" => ["name"],
    "enable_endpoint" => ["name"],
    "disable_endpoint" => ["name"],
    "pause_endpoint" => ["name"],
    "resume_endpoint" => ["name"],
    "remove_endpoint" => ["name"],
    "unregister_handler" => ["handler"],
    "get_event" => ["id"],
    "get_delivery" => ["id"],
    "list_attempts" => ["event_id"],
    "explain_delivery" => ["delivery_id"],
    "ignore" => ["event_id"],
    "replay" => ["event_id"],
    "requeue" => ["event_id"],
    "replay_delivery" => ["delivery_id"],
    "accept_delivery" => ["delivery_id", "reason"],
    "prune_events" => ["older_than"],
    "prune_orphan_deliveries" => ["older_than"],
    "backup" => ["path"],
    "set_clock" => ["now_s"]
  }
  @bulk for {name, _} <- KnockerSqlite.Bulk.methods(), do: to_string(name)

  @doc "Calls the public function of this name."
  def call(_inbox, "providers", _), do: KnockerSqlite.providers()
  def call(_inbox, "sign", request), do: request |> native() |> KnockerSqlite.sign() |> plain()

  def call(inbox, method, request) when method in @bulk do
    {filter, options} = Map.pop(request, "filter", %{})
    apply(KnockerSqlite, String.to_existing_atom(method), [inbox, native(filter), native(options)])
  end

  def call(inbox, method, request) do
    {fixed, options} = Map.split(request, Map.get(@fixed, method, []))
    values = for name <- Map.get(@fixed, method, []), do: native(fixed[name])
    function = String.to_existing_atom(method)
    options = native(options)

    arguments =
      if function_exported?(KnockerSqlite, function, length(values) + 2),
        do: [inbox | values] ++ [options],
        else: [inbox | values]

    KnockerSqlite |> apply(function, arguments) |> plain()
  end

  @doc "Takes in one request."
  def take_in(inbox, request, body, ingest) do
    request = request |> Map.new(fn {name, value} -> {name, native(value)} end) |> Map.put("body", body)
    if ingest, do: KnockerSqlite.ingest(inbox, request), else: KnockerSqlite.receive(inbox, request)
  end

  @doc "A transaction's call, with cells for values."
  def execute(tx, step) do
    with {:ok, done} <- Tx.execute(tx, step["sql"], params(step["params"])) do
      {:ok, Map.update!(done, "last_insert_rowid", &cell/1)}
    end
  end

  @doc "A transaction's query, with cells for values."
  def query(tx, step) do
    with {:ok, reply} <- Tx.query(tx, step["sql"], params(step["params"]), blobs: :tagged) do
      {:ok, %{"rows" => for(row <- reply["rows"], do: Enum.map(row, &cell/1))}}
    end
  end

  @doc "An error in the plain form."
  def plain_error(%Error{} = error) do
    %{
      "code" => to_string(error.code),
      "message" => error.message,
      "http_status" => error.http_status,
      "retryable" => error.retryable,
      "details" => error.details
    }
  end

  @doc "An event or a reply in the plain form: bodies as base64."
  def plain({:ok, value}), do: {:ok, plain(value)}
  def plain(:ok), do: {:ok, %{}}
  def plain({:error, error}), do: {:error, error}

  def plain(%{"body_blob" => body} = shown),
    do: shown |> Map.delete("body_blob") |> Map.put("body", Base.encode64(body))

  def plain(%{"events" => events} = reply) when is_list(events), do: %{reply | "events" => Enum.map(events, &plain/1)}
  def plain(%{"deliveries" => list} = reply) when is_list(list), do: %{reply | "deliveries" => Enum.map(list, &plain/1)}
  def plain(value), do: value

  # Elixir's own form of what JSON has none for. Pairs of headers are tuples, as Plug has them.
  defp native(%{"$bytes" => base64}), do: Base.decode64!(base64)
  defp native(%{"$object" => _}), do: %URI{}

  defp native(%{"$native" => fields}),
    do: for({name, values} <- fields, value <- List.wrap(values), do: {name, native(value)})

  defp native(map) when is_map(map), do: Map.new(map, fn {name, value} -> {name, native(value)} end)

  defp native([name, value] = pair) when is_binary(name) and not is_binary(value),
    do: pair |> Enum.map(&native/1) |> List.to_tuple()

  defp native(list) when is_list(list), do: Enum.map(list, &native/1)
  defp native(value), do: value

  defp params(nil), do: []
  defp params(params) when is_list(params), do: Enum.map(params, &value/1)
  defp params(params), do: Map.new(params, fn {name, value} -> {name, value(value)} end)

  defp value(%{"int" => digits}), do: String.to_integer(digits)
  defp value(%{"real" => "Infinity"}), do: :infinity
  defp value(%{"real" => "-Infinity"}), do: :"-infinity"
  defp value(%{"real" => "NaN"}), do: nil
  defp value(%{"real" => text}), do: text |> Float.parse() |> elem(0)
  defp value(%{"blob" => base64}), do: {:blob, Base.decode64!(base64)}
  defp value(%{"text" => base64}), do: Base.decode64!(base64)
  defp value(plain), do: plain

  defp cell(:infinity), do: %{"real" => "Infinity"}
  defp cell(:"-infinity"), do: %{"real" => "-Infinity"}
  defp cell(value) when is_float(value), do: %{"real" => :erlang.float_to_binary(value, [:short])}
  defp cell(value) when is_integer(value) and abs(value) > 9_007_199_254_740_991, do: %{"int" => to_string(value)}

  defp cell({:blob, blob}), do: %{"blob" => Base.encode64(blob)}
  defp cell(value), do: value
end
