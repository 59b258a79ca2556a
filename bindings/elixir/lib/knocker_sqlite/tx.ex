defmodule KnockerSqlite.Tx do
  @moduledoc """
  The transaction that a handler writes in.

  It opens at the first `execute/3` or `query/4` and is committed together with "handled" when the handler returns;
  when the handler fails, all of it is rolled back. It may stay open for `max_transaction_s` (defaults to 3 seconds),
  so do slow work before its first use. One statement a call. SAVEPOINT is allowed; BEGIN, COMMIT, ROLLBACK, ATTACH,
  TEMP objects, PRAGMAs that set something and writes to `knocker_*` are `:forbidden_in_handler`.

  Only the process of its handler may use it.

  ## Values

  | Elixir | SQLite |
  | --- | --- |
  | `nil` | NULL |
  | integer (64 bits) | INTEGER |
  | float | REAL; infinite ones come back as `:infinity` and `:"-infinity"`, which may also be given |
  | `true`, `false` | 1, 0 |
  | text (a binary that is UTF-8) | TEXT |
  | `{:blob, binary}` | BLOB; columns come back as the plain binary |
  """

  alias KnockerSqlite.{Arguments, Cells, Error, Home, Library, Permits}

  @enforce_keys [:step, :owner, :flags]
  defstruct [:step, :owner, :flags]

  @opaque t :: %__MODULE__{step: reference(), owner: pid(), flags: :atomics.atomics_ref()}

  @typedoc "A list for `?`; a map or keyword list for `:name` (a map where one of the names is `:blob`)."
  @type params :: [term()] | %{optional(atom() | String.t()) => term()} | keyword()

  # The cells of a run's flags: shared with the slot that looks after it.
  @open 1
  @calling 2

  @doc false
  @spec flags() :: :atomics.atomics_ref()
  def flags, do: :atomics.new(2, [])

  @doc false
  @spec new(reference(), :atomics.atomics_ref()) :: t()
  def new(step, flags), do: %__MODULE__{step: step, owner: self(), flags: flags}

  @doc false
  @spec open?(:atomics.atomics_ref()) :: boolean()
  def open?(flags), do: :atomics.get(flags, @open) == 1

  @doc false
  @spec calling?(:atomics.atomics_ref()) :: boolean()
  def calling?(flags), do: :atomics.get(flags, @calling) == 1

  @doc "Opens the transaction now, so that what is read next can't change any more."
  @spec begin(t()) :: :ok | {:error, Error.t()}
  def begin(%__MODULE__{} = tx), do: own(tx, fn -> opened(tx) end)

  @doc """
  Runs a statement: `{:ok, %{"changes" => n, "last_insert_rowid" => n}}`.

  Errors: `:sql_error`, `:forbidden_in_handler`, `:transaction_timeout`, `:busy`, `:invalid_argument`.
  """
  @spec execute(t(), String.t(), params()) :: {:ok, %{String.t() => integer()}} | {:error, Error.t()}
  def execute(tx, sql, params \\ []) do
    with {:ok, reply} <- run(tx, "execute", sql, params) do
      {:ok, Map.update!(reply, "last_insert_rowid", &Cells.decode/1)}
    end
  end

  @doc "As `execute/3`, but returns the result or raises `KnockerSqlite.Error`."
  @spec execute!(t(), String.t(), params()) :: %{String.t() => integer()}
  def execute!(tx, sql, params \\ []), do: tx |> execute(sql, params) |> Error.unwrap!()

  @doc """
  Runs a query: `{:ok, %{"columns" => [name], "rows" => [[value]]}}`. Errors as for `execute/3`.

  With `blobs: :tagged` blobs come back as `{:blob, binary}`, so that they can be told from text.
  """
  @spec query(t(), String.t(), params(), keyword()) :: {:ok, %{String.t() => list()}} | {:error, Error.t()}
  def query(tx, sql, params \\ [], options \\ []) do
    decode = if options[:blobs] == :tagged, do: &Cells.decode_tagged/1, else: &Cells.decode/1

    with {:ok, reply} <- run(tx, "query", sql, params) do
      {:ok, Map.update!(reply, "rows", fn rows -> for row <- rows, do: Enum.map(row, decode) end)}
    end
  end

  @doc "As `query/4`, but returns the result or raises `KnockerSqlite.Error`."
  @spec query!(t(), String.t(), params(), keyword()) :: %{String.t() => list()}
  def query!(tx, sql, params \\ [], options \\ []), do: tx |> query(sql, params, options) |> Error.unwrap!()

  @doc "Runs a query and returns its rows as maps with text keys. Raises `KnockerSqlite.Error`."
  @spec all!(t(), String.t(), params()) :: [%{String.t() => term()}]
  def all!(tx, sql, params \\ []) do
    %{"columns" => columns, "rows" => rows} = query!(tx, sql, params)
    for row <- rows, do: columns |> Enum.zip(row) |> Map.new()
  end

  defp run(%__MODULE__{} = tx, op, sql, params) do
    own(tx, fn ->
      with {:ok, cells, blobs} <- Cells.encode(params),
           :ok <- opened(tx) do
        call(tx, %{"op" => op, "sql" => Arguments.value(sql), "params" => cells}, blobs)
      end
    end)
  end

  # The first use waits for the writer, which is why it takes a permit.
  defp opened(tx) do
    if open?(tx.flags) do
      :ok
    else
      with {:ok, _} <- Permits.with_permit(fn -> call(tx, %{"op" => "begin"}, []) end) do
        :atomics.put(tx.flags, @open, 1)
        :ok
      end
    end
  end

  defp call(tx, request, blobs) do
    :atomics.put(tx.flags, @calling, 1)
    Library.tx(tx.step, Home.put(request), blobs)
  after
    :atomics.put(tx.flags, @calling, 0)
  end

  defp own(%{owner: owner}, run) when owner == self(), do: run.()

  defp own(_, _),
    do:
      {:error,
       Error.new(:invalid_argument, "A transaction belongs to its handler: only the handler's own process may use it.")}

  defimpl Inspect do
    def inspect(tx, _), do: "#KnockerSqlite.Tx<#{Kernel.inspect(tx.owner)}>"
  end
end
