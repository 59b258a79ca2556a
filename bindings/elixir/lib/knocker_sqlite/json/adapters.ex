defmodule KnockerSqlite.JSON.Own do
  @moduledoc false
  @behaviour KnockerSqlite.JSON
  @impl true
  defdelegate encode!(value), to: KnockerSqlite.JSON.Encoder, as: :encode
  @impl true
  defdelegate decode!(text), to: KnockerSqlite.JSON.Decoder, as: :decode
end

defmodule KnockerSqlite.JSON.OTP do
  @moduledoc false
  # Erlang's json module, through apply/3: older releases don't have it.
  @behaviour KnockerSqlite.JSON
  @impl true
  def encode!(value), do: apply(:json, :encode, [value, &encode/2])

  defp encode(nil, _encoder), do: "null"
  defp encode(value, encoder), do: apply(:json, :encode_value, [value, encoder])

  @impl true
  def decode!(text) do
    {value, _, rest} = apply(:json, :decode, [text, :ok, %{null: nil}])
    if String.trim(rest) == "", do: value, else: raise(ArgumentError, "more than one JSON value")
  end
end

defmodule KnockerSqlite.JSON.FromJason do
  @moduledoc false
  @behaviour KnockerSqlite.JSON
  @impl true
  def encode!(value), do: apply(Jason, :encode_to_iodata!, [value])
  @impl true
  def decode!(text), do: apply(Jason, :decode!, [text])
end
