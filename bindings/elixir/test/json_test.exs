defmodule KnockerSqlite.JSONTest do
  use ExUnit.Case, async: true

  alias KnockerSqlite.JSON
  alias KnockerSqlite.JSON.{Decoder, Encoder}

  # Seeds of the runs below, so that a failure can be repeated.
  @seeds 1..400

  defp encode(value), do: value |> Encoder.encode() |> IO.iodata_to_binary()

  defp seed(number), do: :rand.seed(:exsss, {number, 7, 11})

  defp random(depth) do
    case :rand.uniform(if depth > 4, do: 6, else: 8) do
      1 -> Enum.random([nil, true, false])
      2 -> :rand.uniform(1_000_000) - 500_000
      3 -> (:rand.uniform(10) - 5) * Integer.pow(10, :rand.uniform(30))
      4 -> (:rand.uniform() - 0.5) * :math.pow(10, :rand.uniform(600) - 300)
      n when n in [5, 6] -> text()
      7 -> for _ <- 1..(:rand.uniform(5) - 1)//1, do: random(depth + 1)
      8 -> for _ <- 1..(:rand.uniform(5) - 1)//1, into: %{}, do: {text(), random(depth + 1)}
    end
  end

  defp text do
    for _ <- 1..(:rand.uniform(12) - 1)//1, into: "" do
      case :rand.uniform(6) do
        1 -> <<:rand.uniform(32) - 1>>
        2 -> Enum.random(["\"", "\\", "/", <<0x7F>>])
        3 -> <<0x80 + :rand.uniform(0xD000)::utf8>>
        4 -> <<0xFFFF + :rand.uniform(0xFFFF)::utf8>>
        _ -> <<0x20 + :rand.uniform(94)>>
      end
    end
  end

  test "what was encoded is decoded as the same value, whatever it is" do
    for number <- @seeds do
      seed(number)
      value = random(0)
      assert value |> encode() |> Decoder.decode() === value, "seed #{number}"
    end
  end

  test "damaged text raises ArgumentError or has another value; it never hangs and never raises anything else" do
    for number <- @seeds do
      seed(number)
      text = encode(%{"a" => random(0), "b" => [random(1)]})
      at = :rand.uniform(byte_size(text)) - 1
      <<before::binary-size(at), _, rest::binary>> = text
      damaged = Enum.random([before, before <> <<:rand.uniform(256) - 1>> <> rest, before <> rest])

      try do
        Decoder.decode(damaged)
      rescue
        ArgumentError -> :ok
      end
    end
  end

  test "escapes, surrogate pairs and white space are read as the standard says" do
    assert Decoder.decode(~S( {"a" : [ "\ud83d\ude00" , "\u00e9\/\b\f\n\r\t" ] } )) == %{"a" => ["😀", "é/\b\f\n\r\t"]}
    assert Decoder.decode(~S("\ud83d x")) == "\uFFFD x"
    assert Decoder.decode(~S("\ude00")) == "\uFFFD"
  end

  test "numbers keep their kind and size" do
    assert Decoder.decode("9223372036854775807") === 9_223_372_036_854_775_807
    assert Decoder.decode("-0") === 0
    assert Decoder.decode("1e3") === 1000.0
    assert Decoder.decode("-1.5E-2") === -0.015
  end

  test "what is no JSON raises" do
    for text <- [
          "",
          "tru",
          "01",
          "1.",
          ".5",
          "+1",
          "[1,]",
          "{\"a\"}",
          "\"\n\"",
          "\"\\x\"",
          "\"\\u12g4\"",
          "1 2",
          "[",
          <<34, 0xFF, 34>>,
          "1e999"
        ] do
      assert_raise ArgumentError, fn -> Decoder.decode(text) end
    end
  end

  test "nesting beyond reason raises instead of filling the memory" do
    assert_raise ArgumentError, fn -> Decoder.decode(String.duplicate("[", 100_000)) end
  end

  test "text that is not UTF-8 has no JSON form" do
    assert_raise ArgumentError, fn -> encode(<<0xFF>>) end
    assert_raise ArgumentError, fn -> encode(%{<<0xC3>> => 1}) end
  end

  defmodule Wrong do
    # What an encoder does that knows nothing of nil.
    def encode!(value), do: value |> inspect()
    def decode!(text), do: text
  end

  test "a candidate that reads or writes otherwise is passed over" do
    assert JSON.choose([Wrong, JSON.OTP, JSON.FromJason]) ==
             (cond do
                Code.ensure_loaded?(:json) -> JSON.OTP
                Code.ensure_loaded?(Jason) -> JSON.FromJason
                true -> JSON.Own
              end)
  end

  test "the library reads what is written here as it was meant" do
    inbox = KnockerSqlite.Testing.temporary_inbox()
    KnockerSqlite.add_endpoint!(inbox, name: "e")

    for number <- 1..25 do
      seed(number)
      value = text()
      %{"event_id" => id} = KnockerSqlite.ingest!(inbox, endpoint: "e", body: value, headers: [{"x-value", value}])
      event = KnockerSqlite.get_event!(inbox, id)
      assert event["body_blob"] == value
      assert event["headers"]["x-value"] == value, "seed #{number}"
    end
  end
end
