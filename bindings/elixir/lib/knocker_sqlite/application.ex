defmodule KnockerSqlite.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _arguments) do
    children = [
      KnockerSqlite.Registry,
      KnockerSqlite.Permits,
      {DynamicSupervisor, name: KnockerSqlite.Inboxes, strategy: :one_for_one}
    ]

    Supervisor.start_link(children, strategy: :rest_for_one, name: KnockerSqlite.Application.Supervisor)
  end
end
