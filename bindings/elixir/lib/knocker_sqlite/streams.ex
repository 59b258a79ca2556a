defmodule KnockerSqlite.Streams do
  @moduledoc false
  # Lists of all pages: each page is read when its first item is asked for.

  alias KnockerSqlite.{Arguments, Error}

  @doc "A stream over the items of all pages. Raises `KnockerSqlite.Error` while it is read."
  @spec pages(String.t(), (map() -> {:ok, map()} | {:error, Error.t()}), map() | keyword()) :: Enumerable.t()
  def pages(items, list, options) do
    Stream.resource(
      fn ->
        options = options |> Arguments.named() |> Error.unwrap!()
        {:page, options, options["cursor"]}
      end,
      fn
        :over ->
          {:halt, :over}

        {:page, options, cursor} ->
          page = options |> Map.put("cursor", cursor) |> list.() |> Error.unwrap!()
          {page[items], if(page["cursor"], do: {:page, options, page["cursor"]}, else: :over)}
      end,
      fn _ -> :ok end
    )
  end
end
