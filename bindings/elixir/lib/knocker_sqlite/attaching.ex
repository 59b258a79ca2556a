defmodule KnockerSqlite.Attaching do
  @moduledoc false
  # The part of KnockerSqlite about connections of the application's own.

  defmacro __using__(_) do
    quote do
      @doc """
      The library's file, which any SQLite takes as an extension: exqlite's `load_extensions`, `load_extension(?)` in SQL.
      Loads nothing. Raises `KnockerSqlite.Error`: `:unsupported_platform`.
      """
      @spec loadable_path() :: String.t()
      def loadable_path, do: KnockerSqlite.Error.unwrap!(KnockerSqlite.Library.find())

      @doc """
      Gives a connection of the application's SQLite the functions `knocker_*` and `honker_*` of docs/sql.md: `:ok`. The
      driver has to allow loading by SQL, such as by `:sqlite3.enable_load_extension(db, 1)`.

        * `query` - runs a statement on the connection: see `t:query/0`
        * `bootstrap` - make the inbox's tables where the file has none. Defaults to true
      """
      @spec load(KnockerSqlite.query(), bootstrap: boolean()) :: :ok | {:error, KnockerSqlite.Error.t()}
      def load(query, options \\ []) when is_function(query, 2),
        do: KnockerSqlite.Host.load(query, options[:bootstrap] != false)

      @doc """
      Attaches an inbox to a connection of the application's own SQLite: `{:ok, inbox}`. All functions of this module take
      it, and run on that connection, in its transaction where one is open; the result of `receive/2` says in `"durable"`
      whether it was on disk then. The library is loaded where the connection has not got it.

        * `query` - runs a statement on the connection: see `t:query/0`
        * `tx` - what handlers get as their second argument. Defaults to `query`
        * `queue_name`, `max_body_bytes`, `max_orphans`, `max_orphan_bytes`, `max_orphan_body_bytes`, `max_orphans_per_s`,
          `redact_headers`, `migrate`, `max_attempts`, `backoff_*`, `clock` - as for `open/2`

      Handlers run in the process that calls `run_worker/2` or `run_worker_once/2`, between BEGIN IMMEDIATE and COMMIT: no
      other process may use the connection meanwhile. `run_worker/2` ends with its process. Attaching again is the same
      inbox. What needs connections or processes of its own is `:invalid_state`: `backup/2`, `start_worker/2` and others.
      """
      @spec attach(KnockerSqlite.query(), keyword()) :: {:ok, KnockerSqlite.t()} | {:error, KnockerSqlite.Error.t()}
      def attach(query, options \\ []) when is_function(query, 2) do
        {tx, options} = Keyword.pop(options, :tx, query)

        with {:ok, _} <- Application.ensure_all_started(:knocker_sqlite) do
          KnockerSqlite.Host.attach(query, KnockerSqlite.Setup.options(options), tx)
        end
      end

      @doc "As `attach/2`, but returns the inbox or raises `KnockerSqlite.Error`."
      @spec attach!(KnockerSqlite.query(), keyword()) :: KnockerSqlite.t()
      def attach!(query, options \\ []), do: query |> attach(options) |> KnockerSqlite.Error.unwrap!()
    end
  end
end
