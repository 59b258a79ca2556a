package provider

// Describe reads what a request says of itself (type, identity, ids) although
// nothing vouches for it: for an operator who takes a refused request in by
// decision. The verdict is never valid. ok is false where the provider can only
// say so of a request that it has verified.
func Describe(v Verifier, r *Request) (verdict Verdict, ok bool) {
	if c, wrapped := v.(*configured); wrapped {
		verdict, ok = Describe(c.Verifier, r)
		verdict.SuccessStatus = c.successStatus
		return verdict, ok
	}
	if d, can := v.(describer); can {
		verdict = d.describeUnverified(r)
		verdict.Valid = false
		return verdict, true
	}
	return Verdict{}, false
}

// describer is a verifier that reads type and identity apart from verifying.
type describer interface{ describeUnverified(*Request) Verdict }

func described(describe func(*Request, *Verdict), r *Request) Verdict {
	verdict := accept()
	describe(r, &verdict)
	return verdict
}

func (v *hmacVerifier) describeUnverified(r *Request) Verdict       { return described(v.describe, r) }
func (v *credentialVerifier) describeUnverified(r *Request) Verdict { return described(v.describe, r) }
func (v *tokenVerifier) describeUnverified(r *Request) Verdict      { return described(v.describe, r) }
func (v *boxVerifier) describeUnverified(r *Request) Verdict        { return described(v.describe, r) }
func (v *discordVerifier) describeUnverified(r *Request) Verdict    { return described(v.describe, r) }
func (v *hubSpotVerifier) describeUnverified(r *Request) Verdict {
	return described(describeHubSpot, r)
}
func (v *mandrillVerifier) describeUnverified(r *Request) Verdict {
	return described(describeMandrill, r)
}

func (v probedVerifier) describeUnverified(r *Request) Verdict {
	verdict, _ := Describe(v.Verifier, r)
	return verdict
}

func (v *shopifyVerifier) describeUnverified(r *Request) Verdict {
	if r.anyHeader(v.events.header) != "" {
		return v.events.describeUnverified(r)
	}
	return v.classic.describeUnverified(r)
}

func (v *sendGridVerifier) describeUnverified(r *Request) Verdict {
	verdict := described(v.describe, r)
	verdict.collapse(true)
	return verdict
}

func (v *standardVerifier) describeUnverified(r *Request) Verdict {
	family := v.family(r)
	return v.read(r, family, r.anyHeader(family+"id"))
}
