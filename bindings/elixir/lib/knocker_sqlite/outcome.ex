defmodule KnockerSqlite.Outcome do
  @moduledoc false
  # What a handler returned or raised, in the library's words.

  alias KnockerSqlite.{Arguments, Error}

  @type t :: %{optional(String.t()) => term()}

  @doc "The outcome of a handler that returned."
  @spec of(term()) :: t()
  def of({:retry_after, seconds}), do: retry_after(seconds, "try again after #{inspect(seconds)} s")
  def of({:retry_after, seconds, reason}), do: retry_after(seconds, text(reason))
  def of(:discard), do: %{"kind" => "discard", "reason" => "discarded by its handler"}
  def of({:discard, reason}), do: %{"kind" => "discard", "reason" => text(reason)}
  def of(:ignore), do: %{"kind" => "ignore", "reason" => "ignored by its handler"}
  def of({:ignore, reason}), do: %{"kind" => "ignore", "reason" => text(reason)}
  def of(:error), do: failed("error", "the handler answered :error")
  def of({:error, %{__exception__: true} = exception}), do: exception(exception)
  def of({:error, reason}), do: failed("error", text(reason))
  def of(_), do: %{"kind" => "handled"}

  @doc "The outcome of a run that counts for nothing."
  @spec give_back() :: t()
  def give_back, do: %{"kind" => "give_back"}

  @doc "The outcome of a handler that raised."
  @spec exception(Exception.t()) :: t()
  def exception(%Error{} = error) do
    failed = failed("KnockerSqlite.Error", error.message)
    put_in(failed, ["error", "code"], to_string(error.code))
  end

  def exception(exception), do: failed(inspect(exception.__struct__), Exception.message(exception))

  @doc "The outcome of a run that failed."
  @spec failed(String.t(), String.t()) :: t()
  def failed(type, message),
    do: %{"kind" => "failed", "error" => %{"type" => type, "message" => Arguments.utf8(message)}}

  defp retry_after(seconds, message) do
    error = %{"type" => "retry_after", "message" => message}
    %{"kind" => "retry_after", "seconds" => Arguments.value(seconds), "error" => error}
  end

  defp text(reason) when is_binary(reason), do: Arguments.utf8(reason)
  defp text(reason), do: inspect(reason)
end
