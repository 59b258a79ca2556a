defmodule KnockerSqlite.Event do
  @moduledoc false
  # Events and deliveries as they are shown: the body as bytes, under both names.

  @doc "An event or delivery of a reply."
  @spec from_reply(map()) :: map()
  def from_reply(%{"body" => base64} = shown) when is_binary(base64) do
    body = Base.decode64!(base64)
    shown |> Map.put("body", body) |> Map.put("body_blob", body)
  end

  def from_reply(shown), do: shown
end
