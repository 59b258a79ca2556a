defmodule KnockerSqlite.JSON do
  @moduledoc """
  JSON for the requests and replies of the library: OTP's (27 and newer), else Jason, else this package's own.

  Which one is found out once. A candidate has to encode and decode a document with all kinds of values as the
  library needs it (null is `nil`, objects are maps with text keys, large integers and text survive), else the next
  one is taken.

  To choose by hand: `config :knocker_sqlite, json: MyApp.JSON`, a module with `encode!/1` (iodata) and `decode!/1`.
  """

  alias KnockerSqlite.JSON.{Decoder, FromJason, OTP, Own}

  @type value :: nil | boolean() | number() | String.t() | [value()] | %{optional(String.t()) => value()}

  @callback encode!(value()) :: iodata()
  @callback decode!(binary()) :: value()

  @chosen {__MODULE__, :chosen}
  @sample %{
    "null" => nil,
    "list" => [true, false, 0, -1, 9_007_199_254_740_993, 1.5, "", []],
    "text" => "a\"\\/\b\f\n\r\t\u0000é\u2028😀",
    "object" => %{"" => %{}}
  }

  @doc "A value as JSON text."
  @spec encode!(value()) :: binary()
  def encode!(value), do: value |> chosen().encode!() |> IO.iodata_to_binary()

  @doc "The value of JSON text. Raises for text that is no JSON."
  @spec decode!(binary()) :: value()
  def decode!(text), do: chosen().decode!(text)

  @doc "The first of these modules that encodes and decodes as the library needs it; this package's own if none does."
  @spec choose([module()]) :: module()
  def choose(candidates), do: Enum.find(candidates, Own, &fits?/1)

  @doc "The module in use."
  @spec chosen() :: module()
  def chosen do
    case :persistent_term.get(@chosen, nil) do
      nil ->
        configured = Application.get_env(:knocker_sqlite, :json)
        module = if configured, do: configured, else: choose([OTP, FromJason])
        :persistent_term.put(@chosen, module)
        module

      module ->
        module
    end
  end

  defp fits?(module) do
    text = @sample |> module.encode!() |> IO.iodata_to_binary()
    Decoder.decode(text) === @sample and module.decode!(text) === @sample
  rescue
    _ -> false
  catch
    _, _ -> false
  end
end
