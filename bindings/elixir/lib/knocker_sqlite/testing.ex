defmodule KnockerSqlite.Testing do
  @moduledoc """
  Helpers for an application's tests: real inboxes in temporary files, signed requests, and time that is set.

      test "a paid invoice is noted" do
        inbox = KnockerSqlite.Testing.temporary_inbox()
        KnockerSqlite.add_endpoint!(inbox, name: "orders", provider: "stripe", secrets: "whsec_test")
        KnockerSqlite.register_handler(inbox, "orders", "invoice.paid", &MyApp.Invoices.paid/2)

        KnockerSqlite.Testing.deliver!(inbox, "orders", provider: "stripe", secret: "whsec_test", body: body)
        assert [%{"status" => "handled"}] = KnockerSqlite.Testing.drain(inbox)
      end
  """

  alias KnockerSqlite.Error

  @doc """
  Opens an inbox in a temporary folder. In an ExUnit test it is closed, and the folder removed, when the test ends.

  Options as for `KnockerSqlite.open/2`. Unless `clock` is given, the inbox has a clock that stands at this second and
  moves by `set_clock/2` alone.
  """
  @spec temporary_inbox(keyword()) :: KnockerSqlite.t()
  def temporary_inbox(options \\ []) do
    folder = temporary_folder()
    options = Keyword.put_new(options, :clock, now_s: System.os_time(:second))
    inbox = folder |> Path.join("inbox.db") |> KnockerSqlite.open!(options)
    at_end(fn -> close(inbox) end)
    inbox
  end

  @doc "Creates a temporary folder; in an ExUnit test it is removed when the test ends."
  @spec temporary_folder() :: Path.t()
  def temporary_folder do
    folder = Path.join(System.tmp_dir!(), "knocker-#{System.unique_integer([:positive])}-#{:os.getpid()}")
    File.mkdir_p!(folder)
    at_end(fn -> File.rm_rf!(folder) end)
    folder
  end

  # Called in reverse, so that inboxes are closed before their folder goes.
  defp at_end(function) do
    if Code.ensure_loaded?(ExUnit.Callbacks), do: apply(ExUnit.Callbacks, :on_exit, [function])
    :ok
  rescue
    # Not the process of a test.
    ArgumentError -> :ok
    RuntimeError -> :ok
  end

  defp close(inbox) do
    case KnockerSqlite.close(inbox) do
      :ok -> :ok
      {:error, %Error{code: :closed}} -> :ok
      {:error, error} -> raise error
    end
  end

  @doc "Sets the clock of an inbox that was opened with one, in Unix seconds."
  @spec set_clock(KnockerSqlite.inbox(), integer()) :: :ok
  def set_clock(inbox, now_s) do
    KnockerSqlite.set_clock!(inbox, now_s)
    :ok
  end

  @doc "Handles all that is due now, also what becomes due by that; answers what became of each run."
  @spec drain(KnockerSqlite.inbox(), keyword()) :: [KnockerSqlite.reply()]
  def drain(inbox, options \\ []) do
    case KnockerSqlite.run_worker_once!(inbox, options) do
      [] -> []
      finished -> finished ++ drain(inbox, options)
    end
  end

  @doc "Signs a request as a provider would: see `KnockerSqlite.sign/1`."
  @spec sign(KnockerSqlite.fields()) :: KnockerSqlite.reply()
  defdelegate sign(arguments), to: KnockerSqlite, as: :sign!

  @doc "Signs a request and lets an endpoint receive it; answers the result. Arguments as for `sign/1`."
  @spec deliver!(KnockerSqlite.inbox(), String.t(), KnockerSqlite.fields()) :: KnockerSqlite.reply()
  def deliver!(inbox, endpoint, arguments) do
    signed = sign(arguments)

    KnockerSqlite.receive!(inbox, %{
      endpoint: endpoint,
      method: signed["method"],
      headers: signed["headers"],
      query: signed["query"],
      body: signed["body"]
    })
  end
end
