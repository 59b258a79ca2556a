defmodule KnockerSqlite.SamplesTest do
  # The samples as they are, as programs of their own: over HTTP, until SIGTERM, and as a command.
  use ExUnit.Case, async: false

  import KnockerSqlite.Testing
  import KnockerSqlite.Waiting

  @package Path.expand("..", __DIR__)
  @secret "whsec_sample"

  setup do
    {:ok, _} = Application.ensure_all_started(:inets)
    %{database: Path.join(temporary_folder(), "app.db")}
  end

  # As their first lines say, with what is compiled already, which is this environment's.
  defp arguments(sample, more), do: ["run", "--no-compile", "--no-deps-check"] ++ more ++ [Path.join("samples", sample)]

  # A program that runs until it is told to stop; its output comes as messages.
  defp program(sample, database) do
    port =
      Port.open({:spawn_executable, System.find_executable("mix")}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        {:line, 1_000},
        cd: @package,
        args: arguments(sample, ["--no-halt"]),
        env: [
          {~c"MIX_ENV", ~c"test"},
          {~c"DATABASE", String.to_charlist(database)},
          {~c"STRIPE_WEBHOOK_SECRET", ~c"#{@secret}"},
          {~c"PORT", ~c"0"}
        ]
      ])

    {:os_pid, pid} = Port.info(port, :os_pid)
    on_exit(fn -> System.cmd("kill", ["-9", "#{pid}"], stderr_to_stdout: true) end)
    {port, pid}
  end

  defp line(port) do
    receive do
      {^port, {:data, {:eol, line}}} -> line
      {^port, {:exit_status, status}} -> {:exit, status}
    after
      30_000 -> flunk("the program says nothing")
    end
  end

  defp operator(database, more \\ []),
    do:
      System.cmd("mix", arguments("operator.exs", []) ++ [database | more],
        stderr_to_stdout: true,
        cd: @package,
        env: [{"MIX_ENV", "test"}]
      )

  defp post(port, body, signed) do
    headers = for {name, value} <- signed["headers"], do: {String.to_charlist(name), String.to_charlist(value)}
    url = ~c"http://127.0.0.1:#{port}/webhooks/orders"

    {:ok, {{_, status, _}, _, _}} =
      :httpc.request(:post, {url, headers, ~c"application/json", body}, [timeout: 20_000], [])

    status
  end

  test "receive over HTTP, work in another program, stop on SIGTERM, and look at it all", %{database: database} do
    {receiver, _} = program("receive.exs", database)
    assert "listening on " <> port = line(receiver)

    body = ~s({"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1","amount_paid":4200}}})
    signed = sign(provider: "stripe", secret: @secret, body: body)
    assert post(port, body, signed) in 200..204
    assert post(port, body, signed) in 200..204
    assert post(port, body <> " ", signed) == 401

    {worker, pid} = program("worker.exs", database)
    assert line(worker) == "working"
    inbox = KnockerSqlite.open!(database)
    assert wait_until(fn -> KnockerSqlite.stats!(inbox)["events"] == %{"handled" => 1} end)
    {_, 0} = System.cmd("kill", ["-TERM", "#{pid}"])
    assert until_exit(worker, []) =~ "stopped"

    {output, 0} = operator(database)
    assert output =~ ~s(deliveries 3, events %{"handled" => 1})
    {output, 0} = operator(database, ["show", "1"])
    assert output =~ "1 orders invoice.paid handled"
    {output, 0} = operator(database, ["replay", "1"])
    assert output =~ "1 orders invoice.paid received"
    {output, 1} = operator(database, ["ignore", "99"])
    assert output =~ "not_found"
    {_, 2} = operator(database, ["explode", "1"])
    KnockerSqlite.close(inbox)
  end

  defp until_exit(port, lines) do
    case line(port) do
      {:exit, _} -> lines |> Enum.reverse() |> Enum.join("\n")
      line -> until_exit(port, [line | lines])
    end
  end
end
