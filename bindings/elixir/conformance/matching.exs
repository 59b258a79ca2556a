defmodule Conformance.Matching do
  @moduledoc "Compares results with what a scenario expects of them."

  @rules ~w($type $one_of $contains $between $length $utf8 $sha256 $absent)

  @doc "The differences, each with its path."
  def match(path, want, got) when is_map(want) do
    case {rule(want), got} do
      {nil, got} when is_map(got) -> Enum.flat_map(want, &field(path, &1, got))
      {nil, _} -> [differ(path, want, got)]
      {name, _} -> if apply_rule(name, want[name], got), do: [], else: [differ(path, want, got)]
    end
  end

  def match(path, want, got) when is_list(want) do
    if is_list(got) and length(got) == length(want) do
      [want, got]
      |> Enum.zip()
      |> Enum.with_index()
      |> Enum.flat_map(fn {{w, g}, n} -> match("#{path}[#{n}]", w, g) end)
    else
      [differ(path, want, got)]
    end
  end

  def match(path, want, got), do: if(want == got, do: [], else: [differ(path, want, got)])

  defp field(path, {name, want}, got) do
    if Map.has_key?(got, name) or rule(want) == "$absent",
      do: match(String.trim_leading("#{path}.#{name}", "."), want, got[name]),
      else: ["#{if path == "", do: "the result", else: path} has no field #{inspect(name)}"]
  end

  defp rule(want) when is_map(want) and map_size(want) == 1 do
    [name] = Map.keys(want)
    if name in @rules, do: name
  end

  defp rule(_), do: nil

  defp differ(path, want, got),
    do: "#{if path == "", do: "the result", else: path}: expected #{shown(want)}, got #{shown(got)}"

  @doc "A value, cut to a readable length."
  def shown(value), do: value |> inspect(limit: 60, printable_limit: 300) |> String.slice(0, 600)

  defp apply_rule("$type", names, got) do
    kind = type(got)
    wanted = List.wrap(names)
    kind in wanted or (kind == "integer" and "number" in wanted)
  end

  defp apply_rule("$one_of", options, got), do: Enum.any?(options, &(match("", &1, got) == []))
  defp apply_rule("$contains", part, got), do: is_binary(got) and String.contains?(got, part)
  defp apply_rule("$between", [low, high], got), do: is_number(got) and got >= low and got <= high
  defp apply_rule("$length", length, got) when is_binary(got), do: String.length(got) == length
  defp apply_rule("$length", length, got), do: is_list(got) and length(got) == length
  defp apply_rule("$utf8", text, got), do: bytes(got) == text
  defp apply_rule("$sha256", hex, got), do: Base.encode16(:crypto.hash(:sha256, bytes(got) || ""), case: :lower) == hex
  defp apply_rule("$absent", _, got), do: got in [nil, "", []]

  defp type(nil), do: "null"
  defp type(value) when is_boolean(value), do: "boolean"
  defp type(value) when is_binary(value), do: "text"
  defp type(value) when is_integer(value), do: "integer"
  defp type(value) when is_float(value), do: "number"
  defp type(value) when is_list(value), do: "list"
  defp type(value) when is_map(value), do: "object"

  defp bytes(text) when is_binary(text) do
    case Base.decode64(text) do
      {:ok, bytes} -> bytes
      :error -> nil
    end
  end

  defp bytes(_), do: nil
end
