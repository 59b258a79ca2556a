package main

import (
	"context"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// tx runs one operation on a step's transaction.
func tx(out []byte, number uint64, in input, blobs blobList) ([]byte, error) {
	s, err := find[*step](number)
	if err != nil {
		return nil, err
	}
	var r abi.TxRequest
	if err := in.decode(&r); err != nil {
		return nil, err
	}
	run, known := txOperations[r.Op]
	if !known {
		return nil, &abi.Problem{
			Message: `Field "op" must be begin, execute, query or state.`, Field: "op",
			Suggestion: abi.Closest(r.Op, []string{"begin", "execute", "query", "state"}),
		}
	}
	takesSQL := r.Op == "execute" || r.Op == "query"
	if takesSQL && r.SQL == "" {
		return nil, &abi.Problem{Message: `Field "sql" is missing.`, Field: "sql"}
	}
	if !takesSQL && (r.SQL != "" || r.Params != nil || blobs.count > 0) {
		return nil, &abi.Problem{Message: "The operation " + r.Op + " takes no SQL and no parameters.", Field: "op"}
	}
	views, err := blobs.views()
	if err != nil {
		return nil, err
	}
	args, named, err := abi.DecodeParams(r.Params, views)
	if err != nil {
		return nil, err
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	return run(out, s.core, &txCall{ctx: s.worker.ctx, home: r.Home, sql: r.SQL, args: args, named: named})
}

type txCall struct {
	ctx   context.Context
	home  uint64
	sql   string
	args  []any
	named map[string]any
}

var txOperations = map[string]func([]byte, *core.Step, *txCall) ([]byte, error){
	"begin": txBegin, "execute": txExecute, "query": txQuery, "state": txState,
}

func txBegin(out []byte, s *core.Step, c *txCall) ([]byte, error) {
	return append(out, "{}"...), s.Begin(c.ctx, c.home)
}

func txExecute(out []byte, s *core.Step, c *txCall) ([]byte, error) {
	result, err := s.Exec(c.ctx, c.home, c.sql, c.args, c.named)
	return abi.AppendExecReply(out, result.Changes, result.LastInsertID), err
}

func txQuery(out []byte, s *core.Step, c *txCall) ([]byte, error) {
	rows, err := s.Query(c.ctx, c.home, c.sql, c.args, c.named)
	return abi.AppendQueryReply(out, rows.Columns, rows.Rows), err
}

func txState(out []byte, s *core.Step, _ *txCall) ([]byte, error) {
	open, ended, remaining := s.State()
	return appendJSON(out, abi.TxStateReply{Open: open, Ended: abi.NullText(ended), RemainingMS: remaining.Milliseconds()}), nil
}
