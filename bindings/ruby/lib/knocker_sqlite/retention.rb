# frozen_string_literal: true

module KnockerSqlite
  # The part of an inbox that keeps the file small.
  #
  # A policy is a Hash: handled_s (30 days), ignored_s (30 days), dead_s (-1: never), orphans_s (30 days), dead_jobs_s (-1),
  # audits_s (365 days), batch (500), interval_s (3,600), lease_s (60), force (false). Ages are in seconds since the receipt.
  module Retention
    # Remove the oldest events that are over, with their attempts and deliveries; it is audited.
    # @param older_than [Time, Integer] events received strictly before it; Unix seconds
    # @param fields statuses: (Array of "handled", "ignored"; defaults to both), limit: (1 to 1,000, defaults to 1,000), force:
    #   (allows a cutoff younger than 8 days; defaults to false: pruning forgets identities, so a sender's retry would run again)
    # @return [PruneResult]
    # @raise [InvalidArgumentError]
    def prune_events(older_than:, **fields)
      PruneResult.from_reply(write("prune_events", fields.merge(older_than: older_than)))
    end

    # Remove the oldest deliveries without an event: refused requests, handshakes; it is audited.
    # @param older_than [Time, Integer]
    # @param fields limit: (1 to 1,000, defaults to 1,000)
    # @return [PruneResult] "deliveries_pruned"
    def prune_orphan_deliveries(older_than:, **fields)
      PruneResult.from_reply(write("prune_orphan_deliveries", fields.merge(older_than: older_than)))
    end

    # Remove what a policy says, up to a batch of each kind; call it again while more? is true.
    # @param policy [Hash, nil] Defaults to the values above.
    # @return [RetentionPass]
    def run_retention_pass(policy: nil)
      RetentionPass.from_reply(write("run_retention_pass", policy: policy))
    end

    # Let the library apply a policy by itself from now on. Of all processes that have called this, one leads. Started again, the
    # new policy counts.
    # @param policy [Hash, nil] Defaults to the values above.
    # @return [nil]
    def run_retention(policy: nil)
      read("start_retention", policy: policy)
      nil
    end
    alias start_retention run_retention

    # End {#run_retention} in this process.
    # @return [Record] "stopped" (Boolean)
    def stop_retention
      Record.from_reply(read("stop_retention"))
    end

    # @return [Record] "running", "leader", "leader_id", "lease_until", "last_pass", "last_error"
    def retention_state
      Record.from_reply(read("retention_state"))
    end

    # One page of the record of what was removed, newest first.
    # @param fields limit:, cursor:
    # @return [Page<Record>] "id", "kind", "queue_name", "executed_at", the counts, "summary"
    def list_prune_audits(**fields)
      page("list_prune_audits", "audits", Record, fields)
    end

    # All of {#list_prune_audits}, read as it is asked for.
    # @return [Enumerator::Lazy<Record>]
    def prune_audits(**fields)
      each_of(fields) { |page| list_prune_audits(**page) }
    end
  end
end
