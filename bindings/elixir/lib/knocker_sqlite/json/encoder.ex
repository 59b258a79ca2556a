defmodule KnockerSqlite.JSON.Encoder do
  @moduledoc false
  # Values of JSON as text. Text that is not UTF-8 has no JSON form: what comes
  # from outside is made UTF-8 before (KnockerSqlite.Arguments).

  @doc "A value as iodata."
  @spec encode(KnockerSqlite.JSON.value()) :: iodata()
  def encode(nil), do: "null"
  def encode(true), do: "true"
  def encode(false), do: "false"
  def encode(value) when is_integer(value), do: Integer.to_string(value)
  # The shortest text that reads back as the same number, always with a fraction.
  def encode(value) when is_float(value), do: :erlang.float_to_binary(value, [:short])
  def encode(value) when is_binary(value), do: [?", text(value, value, 0, 0), ?"]
  def encode([]), do: "[]"
  def encode([first | rest]), do: [?[, encode(first) | items(rest)]
  def encode(value) when map_size(value) == 0, do: "{}"

  def encode(value) when is_map(value) do
    [{name, item} | rest] = Map.to_list(value)
    [?{, member(name, item) | members(rest)]
  end

  defp items([]), do: [?]]
  defp items([item | rest]), do: [?,, encode(item) | items(rest)]

  defp members([]), do: [?}]
  defp members([{name, item} | rest]), do: [?,, member(name, item) | members(rest)]

  defp member(name, item) when is_binary(name), do: [?", text(name, name, 0, 0), ?", ?:, encode(item)]

  # Runs without anything to escape are parts of the text itself: nothing is copied.
  defp text(<<byte, rest::binary>>, whole, start, length) when byte >= 0x20 and byte not in [?", ?\\] and byte < 0x80,
    do: text(rest, whole, start, length + 1)

  defp text(<<char::utf8, rest::binary>>, whole, start, length) when char >= 0x80,
    do: text(rest, whole, start, length + width(char))

  defp text(<<>>, whole, start, length), do: run(whole, start, length)

  defp text(<<byte, rest::binary>>, whole, start, length) when byte < 0x80,
    do: [run(whole, start, length), escape(byte) | text(rest, whole, start + length + 1, 0)]

  defp text(_, whole, _, _), do: raise(ArgumentError, "not UTF-8: #{inspect(whole, limit: 20)}")

  defp run(_, _, 0), do: []
  defp run(whole, start, length), do: binary_part(whole, start, length)

  defp width(char) when char < 0x800, do: 2
  defp width(char) when char < 0x10000, do: 3
  defp width(_), do: 4

  defp escape(?"), do: "\\\""
  defp escape(?\\), do: "\\\\"
  defp escape(?\n), do: "\\n"
  defp escape(?\r), do: "\\r"
  defp escape(?\t), do: "\\t"
  defp escape(byte), do: "\\u" <> (byte |> Integer.to_string(16) |> String.pad_leading(4, "0"))
end
