defmodule KnockerSqlite.Arguments do
  @moduledoc false
  # Elixir's shapes of headers, query, secrets and body, as the library's JSON.
  # Only shapes are changed here. What a name or a value means is the core's rule.

  alias KnockerSqlite.Error

  # How deep a nested value of a query is followed.
  @deepest 32

  @doc "Arguments given as a map or a keyword list, by text names. Those that are nil are left out, which means the same."
  @spec named(term(), [String.t()]) :: {:ok, %{optional(String.t()) => term()}} | {:error, Error.t()}
  def named(arguments, keep_nil \\ [])
  def named(%_{} = arguments, _), do: refuse("a map or a keyword list of arguments", arguments)
  def named(arguments, keep_nil) when is_map(arguments), do: arguments |> Map.to_list() |> named(keep_nil)

  def named(arguments, keep_nil) when is_list(arguments) do
    if Enum.all?(arguments, &name?/1) do
      {:ok,
       for(
         {name, value} <- arguments,
         name = to_string(name),
         value != nil or name in keep_nil,
         into: %{},
         do: {name, value}
       )}
    else
      refuse("a map or a keyword list of arguments", arguments)
    end
  end

  def named(arguments, _), do: refuse("a map or a keyword list of arguments", arguments)

  defp name?({name, _}), do: is_atom(name) or is_binary(name)
  defp name?(_), do: false

  @doc "The request of receive and ingest, and the body beside it."
  @spec receipt(term(), boolean()) :: {:ok, map(), binary()} | {:error, Error.t()}
  def receipt(arguments, ingest) do
    with {:ok, given} <- named(arguments, ["secrets"]) do
      {body, given} = Map.pop(given, "body")
      {raw, consumed} = body(body)

      request =
        given
        |> change("headers", &fields/1)
        |> change("query", &fields/1)
        |> change("secrets", &secrets/1)
        |> Map.new(fn {name, value} -> if plain?(name), do: {name, value}, else: {name, value(value)} end)
        |> put_if(consumed, "body_consumed", true)
        |> put_if(ingest, "ingest", true)
        |> KnockerSqlite.Home.put()

      {:ok, request, raw}
    end
  end

  # Fields that have been made JSON already.
  defp plain?(name), do: name in ["headers", "query", "secrets"]

  @doc "The request of add_endpoint."
  @spec endpoint(map()) :: map()
  def endpoint(given) do
    given
    |> change("secrets", &secrets/1)
    |> Map.new(fn {name, value} -> if name == "secrets", do: {name, value}, else: {name, value(value)} end)
  end

  defp change(given, name, change) do
    case given do
      %{^name => value} ->
        case change.(value) do
          :absent -> Map.delete(given, name)
          changed -> %{given | name => changed}
        end

      _ ->
        given
    end
  end

  defp put_if(map, true, name, value), do: Map.put(map, name, value)
  defp put_if(map, false, _, _), do: map

  @doc "The raw bytes, and whether the framework has parsed them away: anything but iodata is a parsed body."
  @spec body(term()) :: {binary(), boolean()}
  def body(nil), do: {"", false}
  def body(body) when is_binary(body), do: {body, false}
  def body([]), do: {"", false}

  def body(body) when is_list(body) do
    {IO.iodata_to_binary(body), false}
  rescue
    ArgumentError -> {"", true}
  end

  def body(_), do: {"", true}

  @doc "Headers or query: a mapping, a list of pairs or, for a query, text. Repeated names are kept."
  @spec fields(term()) :: KnockerSqlite.JSON.value() | :absent
  def fields(nil), do: :absent
  def fields(text) when is_binary(text), do: utf8(text)
  # Plug's mark for what has not been fetched, and whatever else is no mapping.
  def fields(%_{}), do: :absent
  def fields(fields) when is_map(fields), do: fields |> Map.to_list() |> pairs()
  def fields(fields) when is_list(fields), do: pairs(fields)
  def fields(number) when is_number(number) or is_boolean(number), do: number
  def fields(_), do: :absent

  defp pairs(list), do: for(item <- proper(list), pair = pair(item), do: pair)

  defp pair({name, value}), do: pair([name, value])

  defp pair([name, value]) when is_binary(name) or is_atom(name) or is_number(name),
    do: [utf8(to_string(name)), field(value)]

  # Erlang's own HTTP server and client have lists of characters.
  defp pair([name, value]) when is_list(name), do: [characters(name), field(value)]

  defp pair(other), do: value(other)

  defp field([char | _] = value) when is_integer(char), do: characters(value)
  defp field(value), do: value(value)

  @doc "The JSON of a value of any type; nil where there is none."
  @spec value(term()) :: KnockerSqlite.JSON.value()
  def value(value), do: value(value, 0)

  defp value(value, _) when is_nil(value) or is_boolean(value) or is_number(value), do: value
  defp value(value, _) when is_binary(value), do: utf8(value)
  defp value(value, _) when is_atom(value), do: Atom.to_string(value)
  defp value(value, depth) when is_list(value) and depth < @deepest, do: list(value, depth)
  defp value({first, second}, depth) when depth < @deepest, do: [value(first, depth + 1), value(second, depth + 1)]
  defp value(%_{}, _), do: nil

  defp value(value, depth) when is_map(value) and depth < @deepest do
    for {name, item} <- value, text = name(name), into: %{}, do: {text, value(item, depth + 1)}
  end

  defp value(_, _), do: nil

  # A keyword list is an object, as options are written.
  defp list([], _), do: []

  defp list(value, depth) do
    if Keyword.keyword?(value) do
      Map.new(value, fn {name, item} -> {Atom.to_string(name), value(item, depth + 1)} end)
    else
      for item <- proper(value), do: value(item, depth + 1)
    end
  end

  defp name(name) when is_binary(name), do: utf8(name)
  defp name(name) when is_atom(name) or is_number(name), do: to_string(name)
  defp name(_), do: nil

  # A list whose tail is no list ends before it.
  defp proper([item | rest]), do: [item | proper(rest)]
  defp proper(_), do: []

  defp characters(list) do
    bytes = for item <- proper(list), is_integer(item) and item in 0..255, into: "", do: <<item>>
    utf8(bytes)
  end

  @doc "Secrets: bytes travel as base64; nil is kept, so that the core can name its position."
  @spec secrets(term()) :: KnockerSqlite.JSON.value()
  def secrets(nil), do: [nil]
  def secrets(list) when is_list(list), do: Enum.map(proper(list), &secret/1)
  def secrets(secret), do: secret(secret)

  defp secret(secret) when is_binary(secret) do
    if String.valid?(secret), do: secret, else: %{"blob" => Base.encode64(secret)}
  end

  defp secret(secret) when is_map(secret) and not is_struct(secret) do
    for {name, item} <- secret, text = name(name), into: %{}, do: {text, secret(item)}
  end

  defp secret(secret), do: value(secret)

  @doc "Bytes that are not UTF-8 are read as Latin-1, as the core reads them."
  @spec utf8(binary()) :: String.t()
  def utf8(text), do: if(String.valid?(text), do: text, else: :unicode.characters_to_binary(text, :latin1))

  @doc "A moment as whole Unix seconds: an integer, or a DateTime."
  @spec unix_seconds(term()) :: term()
  def unix_seconds(%DateTime{} = moment), do: DateTime.to_unix(moment)
  def unix_seconds(moment) when is_float(moment), do: floor(moment)
  def unix_seconds(moment), do: moment

  @doc false
  @spec refuse(String.t(), term()) :: {:error, Error.t()}
  def refuse(wanted, given),
    do:
      {:error,
       Error.new(:invalid_argument, "Expected #{wanted}, got #{inspect(given, limit: 5, printable_limit: 60)}.")}
end
