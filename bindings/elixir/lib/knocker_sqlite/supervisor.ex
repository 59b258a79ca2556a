defmodule KnockerSqlite.Supervisor do
  @moduledoc false
  # One inbox and its workers. A crash of the inbox's process ends its workers
  # and starts both anew; a crash of a worker leaves the inbox alone.

  use Supervisor

  @spec start_link(keyword()) :: Supervisor.on_start()
  def start_link(options), do: Supervisor.start_link(__MODULE__, options)

  @impl true
  def init(options) do
    children = [
      {KnockerSqlite.Inbox, options},
      %{id: :workers, start: {DynamicSupervisor, :start_link, [[strategy: :one_for_one]]}, type: :supervisor}
      | worker(options)
    ]

    # An inbox that was opened by hand is known by a value, which can't follow a restart.
    restarts = if options[:opened], do: [max_restarts: 0], else: []
    Supervisor.init(children, [strategy: :rest_for_one] ++ restarts)
  end

  defp worker(options) do
    case Keyword.get(options, :worker, if(options[:handlers] in [nil, []], do: false, else: [])) do
      false -> []
      nil -> []
      worker -> [{KnockerSqlite.Worker, {self(), worker}}]
    end
  end

  @doc "Starts another worker."
  @spec start_worker(KnockerSqlite.t(), keyword()) :: DynamicSupervisor.on_start_child()
  def start_worker(inbox, options) do
    {:workers, workers, _, _} = inbox.supervisor |> Supervisor.which_children() |> List.keyfind!(:workers, 0)

    DynamicSupervisor.start_child(
      workers,
      Map.put(KnockerSqlite.Worker.child_spec({inbox, options}), :restart, :transient)
    )
  catch
    :exit, _ -> {:error, KnockerSqlite.Error.new(:closed)}
  end

  @doc "The processes of an inbox's workers."
  @spec workers(KnockerSqlite.t()) :: [pid()]
  def workers(inbox) do
    children = Supervisor.which_children(inbox.supervisor)
    {:workers, dynamic, _, _} = List.keyfind!(children, :workers, 0)
    own = for {KnockerSqlite.Worker, pid, _, _} <- children, is_pid(pid), do: pid
    own ++ for({_, pid, _, _} <- DynamicSupervisor.which_children(dynamic), is_pid(pid), do: pid)
  catch
    :exit, _ -> []
  end
end
