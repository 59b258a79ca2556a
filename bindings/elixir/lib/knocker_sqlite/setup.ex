defmodule KnockerSqlite.Setup do
  @moduledoc false
  # What an inbox is opened with: the request, its endpoints and its handlers.

  alias KnockerSqlite.{Arguments, Error, Library, Registry}

  # Options of this package; all others are the core's.
  @own [:name, :path, :endpoints, :handlers, :worker, :id, :opened]

  # Handlers belong to the engine and a scope; one VM has one heap of functions.
  @scope "elixir"

  @doc "The request of open."
  @spec open_request(keyword()) :: map()
  def open_request(options) do
    %{"path" => path(options[:path]), "handler_scope" => @scope, "options" => options(options)}
  end

  @doc "The core's options of those given."
  @spec options(keyword()) :: map()
  def options(options) do
    for {name, value} <- Keyword.drop(options, @own),
        value != nil,
        into: %{},
        do: {to_string(name), Arguments.value(value)}
  end

  defp path(path) when is_list(path), do: IO.chardata_to_string(path)
  defp path(path), do: path

  @doc "Adds the endpoints and handlers that an inbox is started with."
  @spec apply(KnockerSqlite.t(), keyword()) :: :ok | {:error, Error.t()}
  def apply(inbox, options) do
    with :ok <- each(options[:endpoints] || [], &add_endpoint(inbox, &1)) do
      each(options[:handlers] || [], &add_handler(inbox, &1))
    end
  end

  defp each(items, function) when is_list(items) do
    Enum.reduce_while(items, :ok, fn item, :ok ->
      case function.(item) do
        {:error, error} -> {:halt, {:error, error}}
        _ -> {:cont, :ok}
      end
    end)
  end

  defp each(other, _), do: Arguments.refuse("a list", other)

  defp add_endpoint(inbox, {name, options}) when is_list(options) or is_map(options) do
    with {:ok, given} <- Arguments.named(options, ["secrets"]),
         do: add_endpoint(inbox, Map.put(given, "name", Arguments.value(name)))
  end

  defp add_endpoint(inbox, name) when is_binary(name), do: add_endpoint(inbox, %{name: name})

  defp add_endpoint(inbox, given) do
    with {:ok, given} <- Arguments.named(given, ["secrets"]) do
      Library.call(inbox.handle, "add_endpoint", Arguments.endpoint(given))
    end
  end

  defp add_handler(inbox, {endpoint, function}), do: register(inbox, endpoint, nil, function, [])
  defp add_handler(inbox, {endpoint, event_type, function}), do: register(inbox, endpoint, event_type, function, [])

  defp add_handler(inbox, {endpoint, event_type, function, options}),
    do: register(inbox, endpoint, event_type, function, options)

  defp add_handler(_, other), do: Arguments.refuse("{endpoint, handler} or {endpoint, event_type, handler}", other)

  @doc "Registers a function with the core; answers the handler's number."
  @spec register(KnockerSqlite.t(), term(), term(), term(), term()) :: {:ok, pos_integer()} | {:error, Error.t()}
  def register(inbox, endpoint, event_type, function, options) do
    with {:ok, function} <- function(function),
         {:ok, options} <- Arguments.named(options),
         request =
           Map.merge(options, %{"endpoint" => Arguments.value(endpoint), "event_type" => Arguments.value(event_type)}),
         {:ok, reply} <- Library.call(inbox.handle, "register_handler", request) do
      Registry.put_handler(reply["handler"], owner(inbox), function)
      Registry.drop_handler(reply["replaced"])
      {:ok, reply["handler"]}
    end
  end

  # What the library keeps for an attached connection lives as long as the process.
  defp owner(%{handle: {:host, _}}), do: :host
  defp owner(inbox), do: inbox.path

  defp function(function) when is_function(function, 2), do: {:ok, function}
  defp function({module, name}) when is_atom(module) and is_atom(name), do: {:ok, Function.capture(module, name, 2)}
  defp function(other), do: Arguments.refuse("a handler: a function of (event, tx) or {module, function}", other)
end
