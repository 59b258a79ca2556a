package extension

import "github.com/knocker-dev/knocker/core"

func claim(a *Arguments) Call {
	queue, worker, limit, timeout := a.Text("queue"), a.Text("worker_id"), a.Integer("n"), a.Integer("timeout_s")
	return a.hosted(func(h *core.Hosted) (any, error) {
		jobs, err := h.Claim(queue, worker, limit, timeout)
		if err != nil {
			return nil, err
		}
		return textOf(jobs)
	})
}

func enqueue(a *Arguments) Call {
	p := core.JobParams{Queue: a.Text("queue"), Payload: a.String("payload")}
	if at := a.OptionalInteger("run_at"); at != nil {
		p.RunAt = *at
	}
	p.Delay, p.Priority, p.MaxAttempts, p.ExpiresIn = a.optionalSeconds("delay"), a.Small("priority"), a.Small("max_attempts"), a.optionalSeconds("expires_in")
	return a.hosted(func(h *core.Hosted) (any, error) { return h.Enqueue(p) })
}

func acknowledgeAll(a *Arguments) Call {
	var jobs []int64
	a.fields("ids_json", &jobs)
	worker := a.Text("worker_id")
	return a.hosted(func(h *core.Hosted) (any, error) { return h.AcknowledgeAll(jobs, worker) })
}

func acknowledge(a *Arguments) Call {
	job, worker := a.Integer("job_id"), a.Text("worker_id")
	return a.held(func(h *core.Hosted) (bool, error) { return h.Acknowledge(job, worker) })
}

func retry(a *Arguments) Call {
	job, worker, delay, message := a.Integer("job_id"), a.Text("worker_id"), a.Integer("delay_s"), a.OptionalText("error")
	return a.held(func(h *core.Hosted) (bool, error) { return h.Retry(job, worker, delay, message) })
}

func failJob(a *Arguments) Call {
	job, worker, message := a.Integer("job_id"), a.Text("worker_id"), a.OptionalText("error")
	return a.held(func(h *core.Hosted) (bool, error) { return h.Fail(job, worker, message) })
}

func heartbeat(a *Arguments) Call {
	job, worker, extend := a.Integer("job_id"), a.Text("worker_id"), a.Integer("extend_s")
	return a.held(func(h *core.Hosted) (bool, error) { return h.Renew(job, worker, extend) })
}

func nextClaimAt(a *Arguments) Call {
	queue := a.Text("queue")
	return a.hosted(func(h *core.Hosted) (any, error) { return h.NextClaimAt(queue) })
}

func sweepExpired(a *Arguments) Call {
	queue := a.Text("queue")
	return a.hosted(func(h *core.Hosted) (any, error) { return h.SweepExpired(queue) })
}

func cancel(a *Arguments) Call {
	job := a.Integer("job_id")
	return a.held(func(h *core.Hosted) (bool, error) { return h.Cancel(job) })
}

// getJob answers the empty text where there is no such job.
func getJob(a *Arguments) Call {
	id := a.Integer("job_id")
	return a.hosted(func(h *core.Hosted) (any, error) {
		job, err := h.GetJob(id)
		if err != nil || job == nil {
			return "", err
		}
		return textOf(job)
	})
}
