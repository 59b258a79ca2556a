defmodule KnockerSqlite.Native do
  @moduledoc false
  # The NIF. Loading this module loads no library: that happens at the first open.

  @on_load :load_nif
  @failure {__MODULE__, :failure}

  @type handle :: reference()
  @type reply :: binary() | :no_memory

  @doc false
  def load_nif do
    path = :filename.join(priv_dir(), ~c"knocker_nif")

    case :erlang.load_nif(path, 0) do
      :ok ->
        :persistent_term.erase(@failure)
        :ok

      # A hot upgrade that can't take over what is open: the version that runs stays.
      {:error, {:upgrade, _} = reason} ->
        reason

      # A module that fails to load would be an undefined function to callers;
      # they get an error with a code instead.
      {:error, {reason, text}} ->
        :persistent_term.put(@failure, "#{reason}: #{text}")
        :ok
    end
  end

  @doc false
  @spec failure() :: String.t() | nil
  def failure, do: :persistent_term.get(@failure, nil)

  @spec load_library(binary()) :: :ok | {:error, charlist()}
  def load_library(_path), do: :erlang.nif_error(:not_loaded)
  @spec open(binary()) :: {reply(), handle() | nil}
  def open(_request), do: :erlang.nif_error(:not_loaded)
  @spec close(handle()) :: reply()
  def close(_db), do: :erlang.nif_error(:not_loaded)
  @spec call(handle() | nil, binary(), binary()) :: reply()
  def call(_db, _method, _request), do: :erlang.nif_error(:not_loaded)
  @spec receive_start(handle(), [{binary(), binary()}]) :: [reply()]
  def receive_start(_db, _requests), do: :erlang.nif_error(:not_loaded)
  @spec receive_poll(handle()) :: reply()
  def receive_poll(_db), do: :erlang.nif_error(:not_loaded)
  @spec receive_cancel(handle(), binary()) :: reply()
  def receive_cancel(_db, _request), do: :erlang.nif_error(:not_loaded)
  @spec worker_open(handle(), binary()) :: {reply(), handle() | nil}
  def worker_open(_db, _request), do: :erlang.nif_error(:not_loaded)
  @spec worker_step(handle(), binary()) :: {reply(), handle() | nil}
  def worker_step(_worker, _request), do: :erlang.nif_error(:not_loaded)
  @spec worker_stop(handle(), binary()) :: reply()
  def worker_stop(_worker, _request), do: :erlang.nif_error(:not_loaded)
  @spec worker_close(handle()) :: reply()
  def worker_close(_worker), do: :erlang.nif_error(:not_loaded)
  @spec tx(handle(), binary(), [binary()]) :: reply()
  def tx(_step, _request, _blobs), do: :erlang.nif_error(:not_loaded)
  @spec watch_open(integer()) :: reference() | :error | :no_memory
  def watch_open(_descriptor), do: :erlang.nif_error(:not_loaded)
  @spec watch_select(reference()) :: :ok | :error
  def watch_select(_watch), do: :erlang.nif_error(:not_loaded)

  @doc false
  @spec priv_dir() :: charlist()
  def priv_dir do
    case :code.priv_dir(:knocker_sqlite) do
      {:error, :bad_name} ->
        __MODULE__ |> :code.which() |> :filename.dirname() |> :filename.dirname() |> :filename.join(~c"priv")

      path ->
        path
    end
  end
end
