# Drives an inbox from Elixir. Requests are made and signed before the clock starts; prints one JSON object.
#
#     drive.exs receive DB PROCESSES SECONDS MAXIMUM WARMUP   processes share one inbox: rows, seconds, errors, error
#     drive.exs latency DB PROCESSES SECONDS WARMUP           how late processes get a scheduler meanwhile, and without (µs)
#     drive.exs memory DB CALLS                               the VM's own and the whole program's memory over CALLS calls (MB)
#
# The first WARMUP requests don't count: by then the WAL has grown to its size.

defmodule Drive do
  @endpoint "stripe"
  @secret "whsec_benchmarks_0123456789abcdef"
  @body_bytes 2048
  # How many processes send requests while memory is measured.
  @callers 16

  def main(["receive", path, processes, seconds, maximum, warmup]) do
    inbox = open_warm(path, warmup)
    {rows, took, errors} = receive_for(inbox, String.to_integer(maximum), String.to_integer(processes), to_ms(seconds))
    %{"rows" => rows, "seconds" => took, "errors" => length(errors), "error" => List.first(errors) || ""}
  end

  def main(["latency", path, processes, seconds, warmup]) do
    inbox = open_warm(path, warmup)
    idle = latencies(to_ms("1"))
    ms = to_ms(seconds)

    prober =
      Task.async(fn ->
        receive do
          :go -> latencies(ms)
        end
      end)

    start = fn -> send(prober.pid, :go) end
    {rows, took, errors} = receive_for(inbox, 20 * ms, String.to_integer(processes), ms, start)
    busy = Task.await(prober, :infinity)

    %{
      "idle" => percentiles(idle),
      "busy" => percentiles(busy),
      "rows" => rows,
      "seconds" => took,
      "errors" => length(errors)
    }
  end

  def main(["memory", path, calls]) do
    inbox = open(path)
    calls = String.to_integer(calls)
    # What the first calls make (caches, connections, the pages of SQLite) stays, so it is no growth.
    call_many(inbox, div(calls, 5))
    before = memory()
    call_many(inbox, calls)
    grown = memory()
    %{"calls" => calls, "before" => before, "after" => grown, "grown_rss_mb" => grown["rss_mb"] - before["rss_mb"]}
  end

  defp to_ms(seconds), do: round((seconds |> Float.parse() |> elem(0)) * 1000)

  defp open(path) do
    inbox = KnockerSqlite.open!(path)
    KnockerSqlite.add_endpoint!(inbox, name: @endpoint, provider: "stripe", secrets: @secret)
    inbox
  end

  defp open_warm(path, warmup) do
    inbox = open(path)
    warmup = String.to_integer(warmup)
    {^warmup, _, []} = receive_for(inbox, warmup, 64, 60_000)
    inbox
  end

  # Webhooks with random identities, signed as Stripe does.
  defp requests(count) do
    now = System.os_time(:second)
    for _ <- 1..count, do: request(now)
  end

  defp request(now) do
    id = Base.url_encode64(:crypto.strong_rand_bytes(18))
    head = ~s({"id":"evt_#{id}","object":"event","type":"invoice.paid","created":1700000000,"note":")
    body = head <> String.duplicate("n", @body_bytes - byte_size(head) - 2) <> ~s("})
    mac = :crypto.mac(:hmac, :sha256, @secret, "#{now}." <> body) |> Base.encode16(case: :lower)

    headers = [
      {"accept", "*/*; q=0.5, application/xml"},
      {"accept-encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"},
      {"cache-control", "no-cache"},
      {"connection", "keep-alive"},
      {"content-length", "#{@body_bytes}"},
      {"content-type", "application/json; charset=utf-8"},
      {"host", "shop.example.com"},
      {"stripe-signature", "t=#{now},v1=#{mac}"},
      {"user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"},
      {"x-forwarded-for", "203.0.113.7"},
      {"x-forwarded-proto", "https"},
      {"x-request-id", "5f0c2d6e-8a9b-4d8e-9f27-0d1c2b3a4e5f"}
    ]

    {body, headers}
  end

  # A closed loop of processes. Each makes its own requests, and the clock starts when all are ready.
  defp receive_for(inbox, maximum, processes, ms, at_start \\ fn -> :ok end) do
    share = div(maximum + processes - 1, processes)

    tasks =
      for _ <- 1..processes do
        Task.async(fn ->
          requests = requests(share)
          :erlang.garbage_collect()

          receive do
            {:go, deadline} -> call(inbox, requests, deadline, 0, [])
          end
        end)
      end

    for task <- tasks, do: wait_for(task.pid)
    at_start.()
    started = System.monotonic_time(:millisecond)
    for task <- tasks, do: send(task.pid, {:go, started + ms})
    answers = Task.await_many(tasks, :infinity)
    took = (System.monotonic_time(:millisecond) - started) / 1000
    {answers |> Enum.map(&elem(&1, 0)) |> Enum.sum(), took, Enum.flat_map(answers, &elem(&1, 1))}
  end

  # Until it waits for a message, which it does when its requests are made.
  defp wait_for(pid) do
    unless Process.info(pid, :status) == {:status, :waiting} do
      Process.sleep(5)
      wait_for(pid)
    end
  end

  defp call(_, [], _, rows, errors), do: {rows, errors}

  defp call(inbox, [{body, headers} | rest], deadline, rows, errors) do
    if System.monotonic_time(:millisecond) >= deadline do
      {rows, errors}
    else
      case KnockerSqlite.receive(inbox, endpoint: @endpoint, body: body, headers: headers) do
        {:ok, %{"status_code" => status, "duplicate" => false}} when status in 200..204 ->
          call(inbox, rest, deadline, rows + 1, errors)

        other ->
          call(inbox, rest, deadline, rows, [inspect(other) | errors])
      end
    end
  end

  # A message there and back, about once a millisecond: both ends have to get a scheduler.
  defp latencies(ms) do
    echo = spawn_link(fn -> echo() end)
    found = probe(echo, System.monotonic_time(:millisecond) + ms, [])
    send(echo, :stop)
    found
  end

  defp probe(echo, deadline, found) do
    Process.sleep(1)
    started = System.monotonic_time(:microsecond)
    send(echo, {self(), :ping})

    receive do
      :pong -> :ok
    end

    took = System.monotonic_time(:microsecond) - started
    if System.monotonic_time(:millisecond) < deadline, do: probe(echo, deadline, [took | found]), else: [took | found]
  end

  defp echo do
    receive do
      {from, :ping} ->
        send(from, :pong)
        echo()

      :stop ->
        :ok
    end
  end

  defp percentiles(values) do
    sorted = Enum.sort(values)
    at = fn share -> Enum.at(sorted, min(length(sorted) - 1, floor(length(sorted) * share))) end
    %{"samples" => length(sorted), "p50_us" => at.(0.5), "p99_us" => at.(0.99), "max_us" => List.last(sorted)}
  end

  # Calls of all kinds: refused and duplicate receives (the file does not grow by them), reads, and errors.
  defp call_many(inbox, calls) do
    [{body, headers}] = requests(1)
    each = div(calls, @callers)

    1..@callers
    |> Enum.map(fn _ ->
      Task.async(fn ->
        for n <- 1..each do
          case rem(n, 8) do
            0 -> KnockerSqlite.receive(inbox, endpoint: @endpoint, body: body, headers: headers, dedupe_key: "the same")
            1 -> KnockerSqlite.receive(inbox, endpoint: "nobody", body: body, headers: headers)
            2 -> {:error, _} = KnockerSqlite.get_event(inbox, -1)
            3 -> {:error, _} = KnockerSqlite.list_events(inbox, stauts: "dead")
            _ -> {:ok, _} = KnockerSqlite.get_endpoint(inbox, @endpoint)
          end
        end

        :ok
      end)
    end)
    |> Task.await_many(:infinity)
  end

  defp memory do
    for process <- Process.list(), do: :erlang.garbage_collect(process)
    [pages] = Regex.run(~r/VmRSS:\s+(\d+) kB/, File.read!("/proc/self/status"), capture: :all_but_first)
    %{"rss_mb" => div(String.to_integer(pages), 1024), "vm_mb" => div(:erlang.memory(:total), 1_048_576)}
  end
end

{:ok, _} = Application.ensure_all_started(:knocker_sqlite)
IO.puts(KnockerSqlite.JSON.encode!(Drive.main(System.argv())))
