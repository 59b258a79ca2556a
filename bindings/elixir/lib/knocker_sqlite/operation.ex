defmodule KnockerSqlite.Operation do
  @moduledoc false
  # Defines functions that call a method of the library: each with its bang twin.
  #
  #     operation replay(inbox, event_id :: integer()) :: map()
  #
  # defines replay/2, which calls the method "replay" with {"event_id": …}. A
  # last argument named `options` is a map or keyword list of further fields.

  alias KnockerSqlite.{Arguments, Error, Event, Home, Library, Permits, Registry}

  # What waits for the writer.
  @reads ~w(get_endpoint list_endpoints get_event get_delivery list_events list_deliveries list_attempts stats
            stats_by_endpoint list_running list_prune_audits retention_state poll_hooks watch_hooks info set_clock
            explain_delivery start_retention stop_retention unregister_handler check)
  # What writes for a process that may hold a transaction itself.
  @with_home ~w(add_endpoint enable_endpoint disable_endpoint remove_endpoint ignore replay requeue replay_delivery
                prune_events prune_orphan_deliveries accept_delivery pause_endpoint resume_endpoint run_retention_pass
                ignore_events replay_events requeue_events reverify replay_deliveries expunge)

  defmacro operation({:"::", _, [{name, meta, [inbox | arguments]}, result]}) do
    named = for {:"::", _, [argument, type]} <- arguments, do: {argument, type}
    {optional, fixed} = Enum.split_with(named, fn {argument, _} -> argument_name(argument) == :options end)
    fields = for {variable, _} <- fixed, do: {Atom.to_string(argument_name(variable)), variable}
    variables = for {variable, _} <- fixed, do: variable
    types = for {_, type} <- fixed, do: type
    bang = :"#{name}!"
    method = Atom.to_string(name)
    arity = length(named) + 1

    {parameters, options, option_types} =
      case optional do
        [] -> {[inbox | variables], [], []}
        [{variable, type}] -> {[inbox | variables] ++ [{:\\, meta, [variable, []]}], variable, [type]}
      end

    arguments = [inbox | variables] ++ if(optional == [], do: [], else: [options])

    quote do
      @spec unquote(name)(KnockerSqlite.inbox(), unquote_splicing(types), unquote_splicing(option_types)) ::
              {:ok, unquote(result)} | {:error, KnockerSqlite.Error.t()}
      def unquote(name)(unquote_splicing(parameters)) do
        KnockerSqlite.Operation.run(unquote(inbox), unquote(method), unquote({:%{}, [], fields}), unquote(options))
      end

      @doc unquote("As `#{name}/#{arity}`, but returns the result or raises `KnockerSqlite.Error`.")
      @spec unquote(bang)(KnockerSqlite.inbox(), unquote_splicing(types), unquote_splicing(option_types)) ::
              unquote(result)
      def unquote(bang)(unquote_splicing(parameters)) do
        KnockerSqlite.Error.unwrap!(unquote(name)(unquote_splicing(arguments)))
      end
    end
  end

  defp argument_name({name, _, _}), do: name

  @doc "Calls a method with its fields and the caller's further options."
  @spec run(KnockerSqlite.inbox(), String.t(), map(), term()) :: {:ok, term()} | {:error, Error.t()}
  def run(inbox, method, fields, options) do
    with {:ok, inbox} <- Registry.find(inbox),
         {:ok, options} <- Arguments.named(options, ["secrets"]) do
      request = method |> request(Map.merge(options, fields)) |> drop_nil()
      call(inbox.handle, method, request)
    end
  end

  @doc "Calls a method with a request of plain JSON."
  @spec call(KnockerSqlite.Native.handle() | KnockerSqlite.Host.handle() | nil, String.t(), map()) ::
          {:ok, term()} | {:error, Error.t()}
  def call(handle, method, request) do
    request = if method in @with_home, do: Home.put(request), else: request
    call = fn -> Library.call(handle, method, request) end
    # Without an inbox there is nothing to wait for.
    reply = if method in @reads or handle == nil, do: call.(), else: Permits.with_permit(call)
    with {:ok, value} <- reply, do: {:ok, shown(method, value)}
  end

  defp request("add_endpoint", given), do: Arguments.endpoint(given)

  defp request(_, given) do
    Map.new(given, fn
      {name, moment} when name in ["older_than", "since", "until"] ->
        {name, moment |> Arguments.unix_seconds() |> Arguments.value()}

      {"secrets", secrets} ->
        {"secrets", Arguments.secrets(secrets)}

      {name, value} ->
        {name, Arguments.value(value)}
    end)
  end

  defp drop_nil(request), do: for({name, value} <- request, value != nil, into: %{}, do: {name, value})

  defp shown(method, value) when method in ["get_event", "get_delivery"], do: Event.from_reply(value)

  defp shown("list_events", value),
    do: Map.update!(value, "events", &Enum.map(&1, fn event -> Event.from_reply(event) end))

  defp shown("list_deliveries", value),
    do: Map.update!(value, "deliveries", &Enum.map(&1, fn delivery -> Event.from_reply(delivery) end))

  defp shown("sign", %{"body_base64" => body} = value), do: Map.put(value, "body", Base.decode64!(body))
  defp shown(_, value), do: value
end
