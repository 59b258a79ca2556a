defmodule KnockerSqlite.Error do
  @moduledoc """
  What every function answers as `{:error, error}`, and what its bang twin raises.

    * `code` (atom) - one of `t:KnockerSqlite.ErrorCodes.t/0`. Programs compare codes, never messages.
    * `message` (text) - what happened and what to do. It never holds a secret.
    * `http_status` (integer) - what a webhook route answers its sender with.
    * `retryable` (boolean) - whether the same call can succeed later without a change.
    * `details` (map with text keys) - for programs, such as `"field"` and `"suggestion"`. Defaults to `%{}`.
  """

  alias KnockerSqlite.ErrorCodes

  defexception [:code, :message, http_status: 500, retryable: false, details: %{}]

  @type t :: %__MODULE__{
          code: ErrorCodes.t() | String.t(),
          message: String.t(),
          http_status: pos_integer(),
          retryable: boolean(),
          details: %{optional(String.t()) => KnockerSqlite.JSON.value()}
        }

  @doc """
  An error of this package itself, by a code of the core's table.

      iex> KnockerSqlite.Error.new(:busy, "No answer in time.").http_status
      503
  """
  @spec new(ErrorCodes.t(), String.t() | nil, map()) :: t()
  def new(code, message \\ nil, details \\ %{}) do
    row = Map.fetch!(ErrorCodes.table(), code)

    %__MODULE__{
      code: code,
      message: message || row.message,
      http_status: row.http_status,
      retryable: row.retryable,
      details: details
    }
  end

  @doc false
  @spec from_reply(%{optional(String.t()) => term()}) :: t()
  def from_reply(reply) do
    %__MODULE__{
      code: ErrorCodes.atom(reply["code"]),
      message: reply["message"],
      http_status: reply["http_status"],
      retryable: reply["retryable"],
      details: reply["details"] || %{}
    }
  end

  @doc false
  @spec from_text(String.t(), String.t()) :: t() | nil
  def from_text(code, message) do
    known = Enum.find(Map.keys(ErrorCodes.table()), &(to_string(&1) == code))
    if known, do: new(known, message)
  end

  @doc false
  @spec unwrap!({:ok, value} | {:error, t()}) :: value when value: term()
  def unwrap!({:ok, value}), do: value
  def unwrap!({:error, error}), do: raise(error)
end
