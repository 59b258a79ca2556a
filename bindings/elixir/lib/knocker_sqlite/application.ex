defmodule KnockerSqlite.Application do
  @moduledoc false
  use Application
  @behaviour Supervisor

  @impl Application
  def start(_type, _arguments), do: Supervisor.start_link(__MODULE__, nil, name: KnockerSqlite.Application.Supervisor)

  # The registry's tables belong to the supervisor: inboxes outlive a crash of the registry, or of the permits.
  @impl Supervisor
  def init(nil) do
    KnockerSqlite.Registry.create_tables()

    children = [
      KnockerSqlite.Registry,
      KnockerSqlite.Permits,
      {DynamicSupervisor, name: KnockerSqlite.Inboxes, strategy: :one_for_one}
    ]

    Supervisor.init(children, strategy: :one_for_one)
  end
end
