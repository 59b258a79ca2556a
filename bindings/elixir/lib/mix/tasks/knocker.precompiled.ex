defmodule Mix.Tasks.Knocker.Precompiled do
  @moduledoc """
  Makes or verifies the precompiled artefact of this system.

      mix knocker.precompiled            # precompiled/knocker-<system>.tar.gz, and its line in checksums.txt
      mix knocker.precompiled --verify   # fails unless every archive is what checksums.txt names

  The archive holds the NIF and the library, which `mix compile` then unpacks instead of building, after comparing the
  checksum. A package carries the archives of all systems and `checksums.txt`.
  """
  @shortdoc "Makes or verifies the precompiled NIF and library"
  use Mix.Task

  alias Mix.Tasks.Compile.KnockerNif

  @folder "precompiled"
  @checksums "checksums.txt"

  @impl true
  def run(["--verify"]), do: verify()

  def run([]) do
    Mix.Task.run("compile")
    File.mkdir_p!(@folder)
    archive = Path.join(@folder, "knocker-#{KnockerNif.target()}.tar.gz")

    case KnockerSqlite.Library.find() do
      {:ok, library} -> create(archive, library)
      {:error, error} -> Mix.raise(error.message)
    end

    note(archive)
    Mix.shell().info("#{archive} #{File.stat!(archive).size} bytes, #{KnockerNif.sha256(archive)}")
  end

  def run(_), do: Mix.raise("Usage: mix knocker.precompiled [--verify]")

  defp create(archive, library) do
    files = [
      {~c"knocker_nif.so", String.to_charlist("priv/knocker_nif.so")},
      {~c"lib/#{Path.basename(library)}", String.to_charlist(library)}
    ]

    case :erl_tar.create(String.to_charlist(archive), files, [:compressed]) do
      :ok -> :ok
      {:error, reason} -> Mix.raise("#{archive} can't be written: #{inspect(reason)}")
    end
  end

  defp note(archive) do
    name = Path.basename(archive)
    others = for line <- lines(), not String.ends_with?(line, "  " <> name), do: line
    text = Enum.sort(["#{KnockerNif.sha256(archive)}  #{name}" | others]) |> Enum.map_join(&(&1 <> "\n"))
    File.write!(@checksums, text)
  end

  defp verify do
    noted = for line <- lines(), [sum, name] <- [String.split(line, "  ")], into: %{}, do: {name, sum}
    if noted == %{}, do: Mix.raise("#{@checksums} names no archive")

    for {name, sum} <- noted do
      path = Path.join(@folder, name)
      unless File.exists?(path), do: Mix.raise("#{path} is missing")
      unless KnockerNif.sha256(path) == sum, do: Mix.raise("#{path} is not what #{@checksums} names")
      Mix.shell().info("#{name} ok")
    end
  end

  defp lines do
    case File.read(@checksums) do
      {:ok, text} -> String.split(text, "\n", trim: true)
      {:error, _} -> []
    end
  end
end
