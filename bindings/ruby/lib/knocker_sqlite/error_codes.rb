# frozen_string_literal: true

# Made by tools/generate_errors.py from the core's table; don't edit.
module KnockerSqlite
  # No endpoint has this name. Add it before receiving.
  class UnknownEndpointError < Error
    CODE = "unknown_endpoint"
    HTTP_STATUS = 404
    RETRYABLE = false
    MESSAGE = "No endpoint has this name. Add it before receiving."
  end

  # The endpoint is disabled. Enable it to receive again.
  class EndpointDisabledError < Error
    CODE = "endpoint_disabled"
    HTTP_STATUS = 404
    RETRYABLE = false
    MESSAGE = "The endpoint is disabled. Enable it to receive again."
  end

  # The database stayed locked until the time limit; nothing was written. The sender will retry.
  class BusyError < Error
    CODE = "busy"
    HTTP_STATUS = 503
    RETRYABLE = true
    MESSAGE = "The database stayed locked until the time limit; nothing was written. The sender will retry."
  end

  # The call would wait for a handler of its own thread or event loop, for ever. Use the asynchronous form, or write after the last await.
  class WouldDeadlockError < Error
    CODE = "would_deadlock"
    HTTP_STATUS = 503
    RETRYABLE = true
    MESSAGE = "The call would wait for a handler of its own thread or event loop, for ever. Use the asynchronous form, or write after the last await."
  end

  # The inbox, worker or step is closed.
  class ClosedError < Error
    CODE = "closed"
    HTTP_STATUS = 503
    RETRYABLE = false
    MESSAGE = "The inbox, worker or step is closed."
  end

  # The caller gave up before anything was written.
  class CancelledError < Error
    CODE = "cancelled"
    HTTP_STATUS = 503
    RETRYABLE = true
    MESSAGE = "The caller gave up before anything was written."
  end

  # The disk or the database is full; nothing was written.
  class StorageFullError < Error
    CODE = "storage_full"
    HTTP_STATUS = 503
    RETRYABLE = true
    MESSAGE = "The disk or the database is full; nothing was written."
  end

  # Reading or writing the database failed; nothing was reported as stored.
  class StorageError < Error
    CODE = "storage_error"
    HTTP_STATUS = 503
    RETRYABLE = true
    MESSAGE = "Reading or writing the database failed; nothing was reported as stored."
  end

  # The database can't be written by this process. Check the file's and its directory's permissions.
  class ReadOnlyError < Error
    CODE = "read_only"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The database can't be written by this process. Check the file's and its directory's permissions."
  end

  # The file can't be opened. Check that the directory exists and that this process may write in it.
  class CannotOpenError < Error
    CODE = "cannot_open"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The file can't be opened. Check that the directory exists and that this process may write in it."
  end

  # The file is not a SQLite database, or is encrypted.
  class NotADatabaseError < Error
    CODE = "not_a_database"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The file is not a SQLite database, or is encrypted."
  end

  # The database file is damaged. Restore a backup, or recover it with the sqlite3 shell.
  class CorruptError < Error
    CODE = "corrupt"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The database file is damaged. Restore a backup, or recover it with the sqlite3 shell."
  end

  # The endpoint has no provider and secrets in this process, so nothing can verify the request. Give them to add_endpoint or to the call.
  class NoVerifierError < Error
    CODE = "no_verifier"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The endpoint has no provider and secrets in this process, so nothing can verify the request. Give them to add_endpoint or to the call."
  end

  # The body was already read or parsed before it reached the inbox. Pass the raw bytes: signatures cover them exactly.
  class BodyConsumedError < Error
    CODE = "body_consumed"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The body was already read or parsed before it reached the inbox. Pass the raw bytes: signatures cover them exactly."
  end

  # An argument is missing, unknown or of the wrong type.
  class InvalidArgumentError < Error
    CODE = "invalid_argument"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "An argument is missing, unknown or of the wrong type."
  end

  # A secret is missing, empty or can't be decoded. Is the environment variable set?
  class InvalidSecretError < Error
    CODE = "invalid_secret"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "A secret is missing, empty or can't be decoded. Is the environment variable set?"
  end

  # No provider has this name.
  class UnknownProviderError < Error
    CODE = "unknown_provider"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "No provider has this name."
  end

  # The call names another provider than the endpoint was stored with.
  class ProviderMismatchError < Error
    CODE = "provider_mismatch"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The call names another provider than the endpoint was stored with."
  end

  # Another endpoint already has this path.
  class PathTakenError < Error
    CODE = "path_taken"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "Another endpoint already has this path."
  end

  # The endpoint still has events. Prune them, or remove it with prune.
  class NotEmptyError < Error
    CODE = "not_empty"
    HTTP_STATUS = 409
    RETRYABLE = false
    MESSAGE = "The endpoint still has events. Prune them, or remove it with prune."
  end

  # Nothing has this id.
  class NotFoundError < Error
    CODE = "not_found"
    HTTP_STATUS = 404
    RETRYABLE = false
    MESSAGE = "Nothing has this id."
  end

  # The event's status does not allow this action.
  class InvalidStateError < Error
    CODE = "invalid_state"
    HTTP_STATUS = 409
    RETRYABLE = false
    MESSAGE = "The event's status does not allow this action."
  end

  # The delivery belongs to no event.
  class NotLinkedError < Error
    CODE = "not_linked"
    HTTP_STATUS = 409
    RETRYABLE = false
    MESSAGE = "The delivery belongs to no event."
  end

  # The delivery's body was cut or erased when it was stored, so it can't be used again.
  class BodyCutError < Error
    CODE = "body_cut"
    HTTP_STATUS = 409
    RETRYABLE = false
    MESSAGE = "The delivery's body was cut or erased when it was stored, so it can't be used again."
  end

  # This statement is not allowed in a handler's transaction.
  class ForbiddenInHandlerError < Error
    CODE = "forbidden_in_handler"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "This statement is not allowed in a handler's transaction."
  end

  # The handler's transaction stayed open too long and was rolled back. Do slow work before the first use of tx.
  class TransactionTimeoutError < Error
    CODE = "transaction_timeout"
    HTTP_STATUS = 500
    RETRYABLE = true
    MESSAGE = "The handler's transaction stayed open too long and was rolled back. Do slow work before the first use of tx."
  end

  # The handler's transaction is over; what it wrote was rolled back.
  class TransactionEndedError < Error
    CODE = "transaction_ended"
    HTTP_STATUS = 500
    RETRYABLE = true
    MESSAGE = "The handler's transaction is over; what it wrote was rolled back."
  end

  # The handler ran longer than its time limit and was rolled back.
  class HandlerTimeoutError < Error
    CODE = "handler_timeout"
    HTTP_STATUS = 500
    RETRYABLE = true
    MESSAGE = "The handler ran longer than its time limit and was rolled back."
  end

  # The job's lease ran out and another worker took it; this run was rolled back.
  class LeaseLostError < Error
    CODE = "lease_lost"
    HTTP_STATUS = 500
    RETRYABLE = true
    MESSAGE = "The job's lease ran out and another worker took it; this run was rolled back."
  end

  # The worker was stopped before this run ended; it was rolled back and will run again.
  class StoppedError < Error
    CODE = "stopped"
    HTTP_STATUS = 503
    RETRYABLE = true
    MESSAGE = "The worker was stopped before this run ended; it was rolled back and will run again."
  end

  # The handler reported an error; the event will run again or is dead.
  class HandlerFailedError < Error
    CODE = "handler_failed"
    HTTP_STATUS = 500
    RETRYABLE = true
    MESSAGE = "The handler reported an error; the event will run again or is dead."
  end

  # No handler is registered for this endpoint and event type.
  class NoHandlerError < Error
    CODE = "no_handler"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "No handler is registered for this endpoint and event type."
  end

  # SQLite refused the statement.
  class SqlError < Error
    CODE = "sql_error"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "SQLite refused the statement."
  end

  # The transaction began with a read and the file has changed since. Begin with BEGIN IMMEDIATE.
  class BusySnapshotError < Error
    CODE = "busy_snapshot"
    HTTP_STATUS = 503
    RETRYABLE = true
    MESSAGE = "The transaction began with a read and the file has changed since. Begin with BEGIN IMMEDIATE."
  end

  # The file is already open in this process with other options.
  class OpenOptionsConflictError < Error
    CODE = "open_options_conflict"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The file is already open in this process with other options."
  end

  # The file was migrated by a newer version that this one can't work with. Update this process.
  class SchemaTooNewError < Error
    CODE = "schema_too_new"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The file was migrated by a newer version that this one can't work with. Update this process."
  end

  # The inbox's tables are missing from the file.
  class SchemaMissingError < Error
    CODE = "schema_missing"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The inbox's tables are missing from the file."
  end

  # The file has an older layout. Open it with migrate=auto, or migrate it first.
  class MigrationNeededError < Error
    CODE = "migration_needed"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The file has an older layout. Open it with migrate=auto, or migrate it first."
  end

  # Another copy of SQLite has this file open in this process, and here the two can't protect it from each other.
  class FileInUseByOtherSqliteError < Error
    CODE = "file_in_use_by_other_sqlite"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "Another copy of SQLite has this file open in this process, and here the two can't protect it from each other."
  end

  # The file is on a network or shared file system, where SQLite's locks can't be relied on.
  class NetworkFileSystemError < Error
    CODE = "network_file_system"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The file is on a network or shared file system, where SQLite's locks can't be relied on."
  end

  # The SQLite that the inbox is to run on can't be used.
  class DriverUnavailableError < Error
    CODE = "driver_unavailable"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The SQLite that the inbox is to run on can't be used."
  end

  # The library can't run on this platform.
  class UnsupportedPlatformError < Error
    CODE = "unsupported_platform"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The library can't run on this platform."
  end

  # No method has this name.
  class UnknownMethodError < Error
    CODE = "unknown_method"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "No method has this name."
  end

  # The library was loaded before fork() and can't be used in the child. Open the inbox after the fork.
  class ForkedError < Error
    CODE = "forked"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "The library was loaded before fork() and can't be used in the child. Open the inbox after the fork."
  end

  # A fault inside the library. Restart the process and report it.
  class InternalError < Error
    CODE = "internal"
    HTTP_STATUS = 500
    RETRYABLE = false
    MESSAGE = "A fault inside the library. Restart the process and report it."
  end
end
