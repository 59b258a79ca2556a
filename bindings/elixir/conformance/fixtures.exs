defmodule Conformance.Fixtures do
  @moduledoc "Runs the recorded requests and the sequences through the Elixir binding."

  alias KnockerSqlite.Error

  # Between neighbouring reasons a case and a verdict may differ: whether a wrong
  # signature is also malformed depends on how closely one looks.
  @present ~w(signature_mismatch malformed_header bad_credentials missing_signature malformed_body unknown_key unknown_topic)
  @absent ~w(missing_header missing_signature missing_timestamp)

  @doc "The differences of one case."
  def run(inbox, name, provider, %{"requests" => requests, "expected" => expected}) do
    results = Enum.map(requests, &take(inbox, name, provider, &1, true))
    events = results |> Enum.flat_map(& &1["event_ids"]) |> Enum.uniq()

    equal("status codes", [], Enum.uniq(Enum.map(results, & &1["status_code"])) -- [200, 202, 204]) ++
      equal("deliveries", expected["deliveries"], results |> Enum.map(& &1["delivery_id"]) |> Enum.uniq() |> length()) ++
      equal("events", expected["events"], length(events))
  end

  def run(inbox, name, provider, %{"request" => request, "expected" => expected}) do
    valid = expected["signature_valid"]
    handshake = expected["handshake"]
    result = take(inbox, name, provider, request, valid)

    validity(inbox, expected, result) ++
      if(handshake, do: answered("handshake", handshake, result) ++ stored(handshake, result), else: []) ++
      if(valid and (!handshake or result["event_id"] != nil), do: events(inbox, expected, result), else: []) ++
      if(expected["response"], do: answered("response", expected["response"], result), else: []) ++
      if(expected["reject_reason"], do: reason(expected["reject_reason"], result["reason"]), else: [])
  end

  defp equal(what, want, got) do
    if want == got, do: [], else: ["#{what}: expected #{inspect(want)}, got #{inspect(got)}"]
  end

  defp take(inbox, name, provider, request, valid) do
    KnockerSqlite.set_clock!(inbox, request["now_s"])
    add(inbox, name, provider, request, valid)

    KnockerSqlite.receive!(inbox,
      endpoint: name,
      method: request["method"],
      headers: request["headers"],
      query: request["query"],
      body: body(request)
    )
  end

  defp body(%{"body_base64" => base64}) when is_binary(base64), do: Base.decode64!(base64)
  defp body(request), do: request["body"] || ""

  # A case may show that an empty secret never matches. The inbox refuses such
  # an endpoint, so there a secret that nobody knows takes its place.
  defp add(inbox, name, provider, request, valid) do
    given = %{name: name, provider: provider, provider_options: request["provider_options"] || %{}}
    given = if request["secrets"] in [nil, []], do: given, else: Map.put(given, :secrets, request["secrets"])

    case KnockerSqlite.add_endpoint(inbox, given) do
      {:ok, _} ->
        :ok

      {:error, %Error{code: :invalid_secret}} when not valid ->
        KnockerSqlite.add_endpoint!(inbox, Map.put(given, :secrets, Base.encode16(:crypto.strong_rand_bytes(32))))

      {:error, error} ->
        raise error
    end
  end

  # A handshake may be answered without being stored.
  defp validity(_, %{"handshake" => handshake}, %{"delivery_id" => nil}) when handshake != nil, do: []

  defp validity(inbox, expected, result) do
    delivery = KnockerSqlite.get_delivery!(inbox, result["delivery_id"])

    equal("signature_valid", expected["signature_valid"], delivery["signature_valid"]) ++
      if expected["signature_valid"] or expected["handshake"] do
        []
      else
        equal("status_code", 401, result["status_code"]) ++
          equal("event_ids", [], result["event_ids"]) ++ equal("kind", "rejected", delivery["kind"])
      end
  end

  defp events(inbox, expected, result) do
    items = expected["events"] || [Map.take(expected, ["event_type", "dedupe_identity"])]

    equal("number of events", length(items), length(result["event_ids"])) ++
      Enum.flat_map(Enum.zip(items, result["event_ids"]), fn {item, id} ->
        event = KnockerSqlite.get_event!(inbox, id)

        equal("event_type", item["event_type"], event["event_type"]) ++
          equal("identity", item["dedupe_identity"], event["dedupe_key"])
      end)
  end

  defp answered(what, want, %{"response" => response}) do
    headers = Map.new(response["headers"], fn {name, value} -> {String.downcase(name), value} end)

    if(want["status"], do: equal("#{what}.status", want["status"], response["status_code"]), else: []) ++
      if(want["body"], do: equal("#{what}.body", want["body"], response["body"] || ""), else: []) ++
      Enum.flat_map(want["headers"] || %{}, fn {name, value} ->
        equal("#{what}.headers.#{name}", value, headers[String.downcase(name)])
      end)
  end

  defp stored(%{"store_as_event" => want}, result) when want != nil,
    do: equal("store_as_event", want, result["event_id"] != nil)

  defp stored(_, _), do: []

  defp reason(want, got) do
    name = if got in ["timestamp_too_old", "timestamp_too_new"], do: "timestamp_out_of_tolerance", else: got
    alike? = Enum.any?([@present, @absent], &(want in &1 and name in &1))
    if want in [got, name] or alike?, do: [], else: equal("reject_reason", want, name)
  end
end
