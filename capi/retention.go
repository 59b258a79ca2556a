package main

import (
	"time"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

func runRetentionPass(i *inbox, r *abi.RetentionPassRequest) (*abi.RetentionPassReply, error) {
	out, err := i.core.RunRetentionPass(calledFrom(r.Caller), retentionPolicy(r.Policy))
	return &abi.RetentionPassReply{
		EventsPruned: out.EventsPruned, DeliveriesPruned: out.DeliveriesPruned, AttemptsPruned: out.AttemptsPruned,
		LiveJobsPruned: out.LiveJobsPruned, DeadJobsPruned: out.DeadJobsPruned, AuditsPruned: out.AuditsPruned,
		PagesReleased: out.PagesReleased, More: out.More,
	}, err
}

func startRetention(i *inbox, r *abi.RetentionRequest) (*abi.Nothing, error) {
	return &abi.Nothing{}, i.core.StartRetention(retentionPolicy(r.Policy))
}

func stopRetention(i *inbox, _ *abi.Nothing) (*abi.StoppedReply, error) {
	return &abi.StoppedReply{Stopped: i.core.StopRetention()}, nil
}

func retentionState(i *inbox, _ *abi.Nothing) (*abi.RetentionStateReply, error) {
	s, err := i.core.RetentionState(background())
	reply := &abi.RetentionStateReply{
		Running: s.Running, Leader: s.Leader, LeaderID: abi.NullText(s.LeaderID), LeaseUntil: abi.NullInteger(s.LeaseUntil),
	}
	if s.LastPass != nil {
		audit := pruneAuditReply(*s.LastPass)
		reply.LastPass = &audit
	}
	if s.LastError != nil {
		reply.LastError = &abi.LastErrorInfo{At: s.LastError.At, Code: string(s.LastError.Code), Message: s.LastError.Message}
	}
	return reply, err
}

func listPruneAudits(i *inbox, r *abi.PageRequest) (*abi.PruneAuditsReply, error) {
	list, cursor, err := i.core.ListPruneAudits(background(), r.Limit, r.Cursor)
	return &abi.PruneAuditsReply{Audits: each(list, pruneAuditReply), Cursor: abi.NullText(cursor)}, err
}

func pruneAuditReply(a core.PruneAudit) abi.PruneAudit {
	return abi.PruneAudit{
		ID: a.ID, Kind: a.Kind, QueueName: abi.NullText(a.QueueName), ExecutedAt: a.ExecutedAt, EventsPruned: a.EventsPruned,
		DeliveriesPruned: a.DeliveriesPruned, AttemptsPruned: a.AttemptsPruned, LiveJobsPruned: a.LiveJobsPruned, Summary: abi.Object(a.Summary),
	}
}

func retentionPolicy(p *abi.RetentionPolicy) core.RetentionPolicy {
	if p == nil {
		return core.RetentionPolicy{}
	}
	return core.RetentionPolicy{
		Handled: age(p.HandledS), Ignored: age(p.IgnoredS), Dead: age(p.DeadS), Orphans: age(p.OrphansS), DeadJobs: age(p.DeadJobsS),
		Audits: age(p.AuditsS), Batch: p.Batch, Interval: seconds(p.IntervalS), Lease: seconds(p.LeaseS), Force: p.Force,
	}
}

// age is 0, the default, where none is given; an age of 0 seconds is the
// shortest there is.
func age(s *float64) time.Duration {
	switch {
	case s == nil:
		return 0
	case *s < 0:
		return core.Never
	}
	return max(seconds(*s), 1)
}

func expunge(i *inbox, r *abi.ExpungeRequest) (*abi.ExpungeReply, error) {
	out, cursor, err := i.core.StepExpunge(calledFrom(r.Caller), eventFilter(r.Filter.EventFilter), r.Reason, bulkOptions(r.BulkFields, r.Filter.All), r.Cursor)
	return &abi.ExpungeReply{
		BulkReply:      abi.BulkReply{Matched: out.Matched, Changed: out.Changed, Skipped: out.Skipped, Cursor: abi.NullText(cursor)},
		ErasedFromFile: out.ErasedFromFile,
	}, err
}

func check(i *inbox, r *abi.CheckRequest) (*abi.CheckReply, error) {
	out, err := i.core.Check(background(), r.Quick)
	return &abi.CheckReply{
		Integrity: out.Integrity, SchemaVersion: out.SchemaVersion, Stuck: out.Stuck, OrphanJobs: out.OrphanJobs,
		ForeignKeys: each(out.ForeignKeys, func(l core.BrokenLink) abi.BrokenLink {
			return abi.BrokenLink{Table: l.Table, RowID: abi.NullInteger(l.RowID), Parent: l.Parent}
		}),
	}, err
}
