defmodule KnockerSqlite.MixProject do
  use Mix.Project

  @version "0.1.0"

  def project do
    [
      app: :knocker_sqlite,
      version: @version,
      elixir: "~> 1.14",
      description: "A durable inbox for webhooks, in one SQLite file",
      compilers: [:knocker_nif] ++ Mix.compilers(),
      elixirc_paths: elixirc_paths(Mix.env()),
      start_permanent: Mix.env() == :prod,
      deps: [],
      package: package(),
      test_coverage: [summary: false]
    ]
  end

  # Telemetry, Jason and Plug are used where the application has them; none is needed.
  def application, do: [mod: {KnockerSqlite.Application, []}, extra_applications: [:logger] ++ tested_with(Mix.env())]

  defp tested_with(:test), do: [:inets, :crypto]
  defp tested_with(_), do: []

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_), do: ["lib"]

  defp package do
    [
      licenses: ["Apache-2.0"],
      files: ~w(lib c_src Makefile mix.exs .formatter.exs README.md checksums.txt precompiled)
    ]
  end
end

defmodule Mix.Tasks.Compile.KnockerNif do
  @moduledoc """
  Builds `priv/knocker_nif.so` with make, as a compiler of this project.

  Needs a C compiler, make and Erlang's headers (Debian: `gcc make erlang-dev`). Where the package carries a
  precompiled one for this system (`mix knocker.precompiled`), that is used after its checksum was compared, and
  nothing is compiled; `KNOCKER_BUILD=1` compiles all the same.
  """
  @shortdoc "Builds the NIF"
  use Mix.Task.Compiler

  @impl true
  def run(_arguments) do
    case if(System.get_env("KNOCKER_BUILD") == "1", do: :none, else: unpack()) do
      :none -> make("all")
      :ok -> {:ok, []}
      {:error, message} -> failed(message)
    end
  end

  @impl true
  def clean, do: make("clean")

  defp unpack do
    archive = Path.join("precompiled", "knocker-#{target()}.tar.gz")

    if File.exists?(archive) do
      wanted = "#{sha256(archive)}  #{Path.basename(archive)}"

      with true <- wanted in lines("checksums.txt") || {:error, "#{archive} is not what checksums.txt names"},
           :ok <- :erl_tar.extract(archive, [:compressed, cwd: ~c"priv"]) do
        Mix.Project.build_structure()
        :ok
      else
        {:error, reason} when is_binary(reason) -> {:error, reason}
        {:error, reason} -> {:error, "#{archive} can't be unpacked: #{inspect(reason)}"}
      end
    else
      :none
    end
  end

  defp make(target) do
    File.mkdir_p!("priv")
    Mix.Project.build_structure()

    case System.cmd("make", ["--no-print-directory", target], stderr_to_stdout: true, env: environment()) do
      {_, 0} -> {:ok, []}
      {output, _} -> failed("The NIF could not be built (Debian: apt-get install gcc make erlang-dev).\n#{output}")
    end
  rescue
    error in ErlangError -> failed("make can't be run: #{Exception.message(error)}")
  end

  defp environment, do: [{"ERTS_INCLUDE_DIR", include()}, {"NIF_PATH", "priv/knocker_nif.so"}]

  defp include, do: Path.join([:code.root_dir(), "erts-#{:erlang.system_info(:version)}", "include"])

  defp failed(message) do
    Mix.shell().error(message)

    {:error,
     [
       %Mix.Task.Compiler.Diagnostic{
         compiler_name: "knocker_nif",
         file: "Makefile",
         message: message,
         position: nil,
         severity: :error
       }
     ]}
  end

  @doc "The name of this system, as artefacts have it: architecture, system, and the interface of the VM."
  def target, do: "#{:erlang.system_info(:system_architecture)}-nif-#{:erlang.system_info(:nif_version)}"

  @doc "The checksum of a file."
  def sha256(path), do: :crypto.hash(:sha256, File.read!(path)) |> Base.encode16(case: :lower)

  defp lines(path) do
    case File.read(path) do
      {:ok, text} -> String.split(text, "\n", trim: true)
      {:error, _} -> []
    end
  end
end
