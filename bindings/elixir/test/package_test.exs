defmodule KnockerSqlite.PackageTest do
  # The package as others get it: a copy without the checkout around it.
  use ExUnit.Case, async: false

  import KnockerSqlite.Testing

  @package Path.expand("..", __DIR__)
  @files ~w(lib c_src Makefile mix.exs .formatter.exs)

  defp copy do
    folder = Path.join(temporary_folder(), "knocker_sqlite")
    File.mkdir_p!(folder)
    for file <- @files, do: File.cp_r!(Path.join(@package, file), Path.join(folder, file))
    folder
  end

  defp mix(folder, arguments, environment \\ []) do
    System.cmd("mix", arguments, cd: folder, stderr_to_stdout: true, env: [{"MIX_ENV", "prod"} | environment])
  end

  @tag timeout: 240_000
  test "an archive is made, verified and used without a compiler; a changed one is refused" do
    made = copy()
    {:ok, library} = KnockerSqlite.Library.find()
    File.mkdir_p!(Path.join(made, "priv/lib"))
    File.cp!(library, Path.join(made, "priv/lib/#{Path.basename(library)}"))
    {output, 0} = mix(made, ["knocker.precompiled"])
    assert output =~ ".tar.gz"
    assert {_, 0} = mix(made, ["knocker.precompiled", "--verify"])

    # Another machine: no compiler, no checkout.
    used = copy()
    File.cp_r!(Path.join(made, "precompiled"), Path.join(used, "precompiled"))
    File.cp!(Path.join(made, "checksums.txt"), Path.join(used, "checksums.txt"))
    program = ~s|IO.puts(KnockerSqlite.open!("#{used}/a.db").info["schema_version"] > 0)|
    {output, 0} = mix(used, ["run", "-e", program], [{"CC", "/nowhere/cc"}])
    assert output =~ "true"
    refute output =~ "knocker_nif.c"

    [archive] = Path.wildcard("#{used}/precompiled/*.tar.gz")
    File.write!(archive, "x", [:append])
    {output, 1} = mix(used, ["compile", "--force"])
    assert output =~ "is not what checksums.txt names"
    assert {_, 1} = mix(used, ["knocker.precompiled", "--verify"])
  end
end
