defmodule KnockerSqlite.Cells do
  @moduledoc false
  # SQLite's values as the cells of docs/abi.md, and back.

  alias KnockerSqlite.{Arguments, Error}

  # JSON numbers are exact up to here.
  @exact 9_007_199_254_740_991

  @doc "Parameters as cells, and the blobs that travel beside them."
  @spec encode(term()) :: {:ok, list() | map(), [binary()]} | {:error, Error.t()}
  def encode(params) do
    {cells, {_, blobs}} = params(params)
    {:ok, cells, Enum.reverse(blobs)}
  catch
    {:refused, value} ->
      Arguments.refuse("parameters of nil, integers, floats, booleans, text and {:blob, binary}", value)
  end

  defp params(%_{} = struct), do: throw({:refused, struct})
  defp params(params) when is_map(params), do: named(Map.to_list(params))

  defp params(params) when is_list(params) do
    cond do
      named?(params) -> named(params)
      List.improper?(params) -> throw({:refused, params})
      true -> Enum.map_reduce(params, {0, []}, &cell/2)
    end
  end

  defp params(other), do: throw({:refused, other})

  # A list of {:blob, binary} looks like a keyword list, and is none.
  defp named?(params), do: params != [] and Keyword.keyword?(params) and not Keyword.has_key?(params, :blob)

  defp named(pairs) do
    {cells, blobs} =
      Enum.map_reduce(pairs, {0, []}, fn {name, value}, blobs ->
        {cell, blobs} = cell(value, blobs)
        {{Arguments.value(name), cell}, blobs}
      end)

    {Map.new(cells), blobs}
  end

  defp cell(value, blobs) when value in [nil, true, false], do: {value, blobs}
  defp cell(value, blobs) when is_integer(value) and value in -@exact..@exact, do: {value, blobs}
  defp cell(value, blobs) when is_integer(value), do: {%{"int" => Integer.to_string(value)}, blobs}
  defp cell(value, blobs) when is_float(value), do: {%{"real" => :erlang.float_to_binary(value, [:short])}, blobs}
  defp cell(:infinity, blobs), do: {%{"real" => "Infinity"}, blobs}
  defp cell(:"-infinity", blobs), do: {%{"real" => "-Infinity"}, blobs}

  defp cell({:blob, blob}, {count, blobs}) when is_binary(blob),
    do: {%{"blob_index" => count}, {count + 1, [blob | blobs]}}

  defp cell(value, blobs) when is_binary(value) do
    if String.valid?(value), do: {value, blobs}, else: {%{"text" => Base.encode64(value)}, blobs}
  end

  defp cell(value, _), do: throw({:refused, value})

  @doc "A cell as a value. Text that is not UTF-8 comes as its bytes."
  @spec decode(term()) :: term()
  def decode(%{"int" => digits}), do: String.to_integer(digits)
  def decode(%{"real" => "Infinity"}), do: :infinity
  def decode(%{"real" => "-Infinity"}), do: :"-infinity"
  def decode(%{"real" => text}), do: String.to_float(text)
  def decode(%{"blob" => base64}), do: Base.decode64!(base64)
  def decode(%{"text" => base64}), do: Base.decode64!(base64)
  def decode(plain), do: plain

  @doc "A cell as a value; a blob as a parameter would be written."
  @spec decode_tagged(term()) :: term()
  def decode_tagged(%{"blob" => base64}), do: {:blob, Base.decode64!(base64)}
  def decode_tagged(cell), do: decode(cell)
end
