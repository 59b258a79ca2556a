defmodule KnockerSqlite.Home do
  @moduledoc false
  # The number by which the core knows a process that would wait for itself: a
  # handler's own. Other processes hold no transaction, so they need none.

  @key {__MODULE__, :home}

  @doc "Gives the calling process a home."
  @spec claim() :: pos_integer()
  def claim do
    home = :erlang.unique_integer([:positive])
    Process.put(@key, home)
    home
  end

  @doc "The home of the calling process."
  @spec current() :: pos_integer() | nil
  def current, do: Process.get(@key)

  @doc "Puts the calling process's home into a request."
  @spec put(map()) :: map()
  def put(request) do
    case current() do
      nil -> request
      home -> Map.put(request, "home", home)
    end
  end
end
