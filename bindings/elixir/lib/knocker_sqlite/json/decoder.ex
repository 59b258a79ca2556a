defmodule KnockerSqlite.JSON.Decoder do
  @moduledoc false
  # JSON text (RFC 8259) as values: objects as maps with text keys, null as nil.
  # Of a name that comes twice the last one counts. Anything else raises.

  @deepest 512

  defguardp is_space(byte) when byte in [?\s, ?\t, ?\n, ?\r]
  defguardp is_digit(byte) when byte in ?0..?9

  @doc "The value of a JSON text."
  @spec decode(binary()) :: KnockerSqlite.JSON.value()
  def decode(text) when is_binary(text) do
    {value, rest} = value(text, 0)
    if end?(rest), do: value, else: wrong(rest)
  end

  defp end?(<<byte, rest::binary>>) when is_space(byte), do: end?(rest)
  defp end?(rest), do: rest == ""

  defp value(<<byte, rest::binary>>, depth) when is_space(byte), do: value(rest, depth)
  defp value(<<?", rest::binary>>, _), do: text(rest, rest, 0, [])
  defp value(<<?{, rest::binary>>, depth) when depth < @deepest, do: object(rest, depth + 1)
  defp value(<<?[, rest::binary>>, depth) when depth < @deepest, do: list(rest, depth + 1)
  defp value(<<"true", rest::binary>>, _), do: {true, rest}
  defp value(<<"false", rest::binary>>, _), do: {false, rest}
  defp value(<<"null", rest::binary>>, _), do: {nil, rest}
  defp value(<<byte, _::binary>> = rest, _) when byte == ?- or is_digit(byte), do: number(rest)
  defp value(rest, _), do: wrong(rest)

  defp object(<<byte, rest::binary>>, depth) when is_space(byte), do: object(rest, depth)
  defp object(<<?}, rest::binary>>, _), do: {%{}, rest}
  defp object(rest, depth), do: member(rest, depth, [])

  defp member(<<byte, rest::binary>>, depth, found) when is_space(byte), do: member(rest, depth, found)

  defp member(<<?", rest::binary>>, depth, found) do
    {name, rest} = text(rest, rest, 0, [])
    {value, rest} = rest |> colon() |> value(depth)
    next_member(rest, depth, [{name, value} | found])
  end

  defp member(rest, _, _), do: wrong(rest)

  defp next_member(<<?,, rest::binary>>, depth, found), do: member(rest, depth, found)
  defp next_member(<<?}, rest::binary>>, _, found), do: {:maps.from_list(:lists.reverse(found)), rest}
  defp next_member(<<byte, rest::binary>>, depth, found) when is_space(byte), do: next_member(rest, depth, found)
  defp next_member(rest, _, _), do: wrong(rest)

  defp colon(<<?:, rest::binary>>), do: rest
  defp colon(<<byte, rest::binary>>) when is_space(byte), do: colon(rest)
  defp colon(rest), do: wrong(rest)

  defp list(<<byte, rest::binary>>, depth) when is_space(byte), do: list(rest, depth)
  defp list(<<?], rest::binary>>, _), do: {[], rest}
  defp list(rest, depth), do: item(rest, depth, [])

  defp item(rest, depth, found) do
    {value, rest} = value(rest, depth)
    next_item(rest, depth, [value | found])
  end

  defp next_item(<<?,, rest::binary>>, depth, found), do: item(rest, depth, found)
  defp next_item(<<?], rest::binary>>, _, found), do: {:lists.reverse(found), rest}
  defp next_item(<<byte, rest::binary>>, depth, found) when is_space(byte), do: next_item(rest, depth, found)
  defp next_item(rest, _, _), do: wrong(rest)

  # Text. What has no escape is one part of the input; it is copied, so that a
  # short text does not keep a long reply in memory.
  defp text(<<?", rest::binary>>, whole, length, []), do: {:binary.copy(binary_part(whole, 0, length)), rest}

  defp text(<<?", rest::binary>>, whole, length, parts) do
    {IO.iodata_to_binary([parts, binary_part(whole, 0, length)]), rest}
  end

  defp text(<<?\\, rest::binary>>, whole, length, parts) do
    {char, rest} = escape(rest)
    text(rest, rest, 0, [parts, binary_part(whole, 0, length), <<char::utf8>>])
  end

  defp text(<<byte, rest::binary>>, whole, length, parts) when byte >= 0x20 and byte < 0x80,
    do: text(rest, whole, length + 1, parts)

  defp text(<<char::utf8, rest::binary>>, whole, length, parts) when char >= 0x80,
    do: text(rest, whole, length + byte_size(<<char::utf8>>), parts)

  defp text(rest, _, _, _), do: wrong(rest)

  defp escape(<<?", rest::binary>>), do: {?", rest}
  defp escape(<<?\\, rest::binary>>), do: {?\\, rest}
  defp escape(<<?/, rest::binary>>), do: {?/, rest}
  defp escape(<<?b, rest::binary>>), do: {?\b, rest}
  defp escape(<<?f, rest::binary>>), do: {?\f, rest}
  defp escape(<<?n, rest::binary>>), do: {?\n, rest}
  defp escape(<<?r, rest::binary>>), do: {?\r, rest}
  defp escape(<<?t, rest::binary>>), do: {?\t, rest}
  defp escape(<<?u, digits::binary-size(4), rest::binary>>), do: unicode(hex(digits), rest)
  defp escape(rest), do: wrong(rest)

  defp unicode(high, <<"\\u", digits::binary-size(4), rest::binary>> = all) when high in 0xD800..0xDBFF do
    case hex(digits) do
      low when low in 0xDC00..0xDFFF -> {0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00), rest}
      _ -> {0xFFFD, all}
    end
  end

  # Half of a pair stands for no character.
  defp unicode(half, rest) when half in 0xD800..0xDFFF, do: {0xFFFD, rest}
  defp unicode(char, rest), do: {char, rest}

  defp hex(digits) do
    for <<byte <- digits>>, reduce: 0 do
      number -> number * 16 + digit(byte, digits)
    end
  end

  defp digit(byte, _) when is_digit(byte), do: byte - ?0
  defp digit(byte, _) when byte in ?a..?f, do: byte - ?a + 10
  defp digit(byte, _) when byte in ?A..?F, do: byte - ?A + 10
  defp digit(_, digits), do: wrong(digits)

  defp number(text) do
    {whole, rest} = whole(text)
    {fraction, rest} = fraction(rest)
    {exponent, rest} = exponent(rest)
    sign_and_digits = binary_part(text, 0, whole)

    case {fraction, exponent} do
      {"", ""} -> {String.to_integer(sign_and_digits), rest}
      {"", _} -> {float(sign_and_digits <> ".0" <> exponent), rest}
      _ -> {float(sign_and_digits <> fraction <> exponent), rest}
    end
  end

  defp whole(<<?-, rest::binary>>) do
    {length, rest} = whole_digits(rest)
    {length + 1, rest}
  end

  defp whole(rest), do: whole_digits(rest)

  defp whole_digits(<<?0, rest::binary>>), do: {1, rest}
  defp whole_digits(rest), do: digits(rest)

  defp fraction(<<?., rest::binary>> = all) do
    {length, rest} = digits(rest)
    {binary_part(all, 0, length + 1), rest}
  end

  defp fraction(rest), do: {"", rest}

  defp exponent(<<e, sign, rest::binary>> = all) when e in [?e, ?E] and sign in [?+, ?-] do
    {length, rest} = digits(rest)
    {binary_part(all, 0, length + 2), rest}
  end

  defp exponent(<<e, rest::binary>> = all) when e in [?e, ?E] do
    {length, rest} = digits(rest)
    {binary_part(all, 0, length + 1), rest}
  end

  defp exponent(rest), do: {"", rest}

  defp digits(<<byte, _::binary>> = rest) when is_digit(byte), do: count(rest, 0)
  defp digits(rest), do: wrong(rest)

  defp count(<<byte, rest::binary>>, length) when is_digit(byte), do: count(rest, length + 1)
  defp count(rest, length), do: {length, rest}

  # A number too large for a float raises, as everything does that has no value here.
  defp float(text), do: String.to_float(text)

  defp wrong(rest), do: raise(ArgumentError, "no JSON at #{inspect(binary_part(rest, 0, min(byte_size(rest), 20)))}")
end
