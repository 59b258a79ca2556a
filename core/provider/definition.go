package provider

import (
	"sort"
	"strings"
)

// OptionType is the type of an option's value.
type OptionType string

// The option types, as JSON knows them.
const (
	Text    OptionType = "text"
	Integer OptionType = "integer"
	Boolean OptionType = "boolean"
	Texts   OptionType = "list of texts"
	Object  OptionType = "object"
)

// Option describes one entry of provider_options.
type Option struct {
	Name    string     `json:"name"`
	Type    OptionType `json:"type"`
	Default any        `json:"default"` // nil: no default
	Allowed []string   `json:"allowed,omitempty"`
	Doc     string     `json:"doc"`

	synonyms map[string]string // other spellings of Allowed values
}

// Tolerance bounds the distance between the signed time and the time of
// receipt, in seconds. Unchecked (-1) means that side is not bounded.
type Tolerance struct {
	PastS   int `json:"past_s"`
	FutureS int `json:"future_s"`
}

// Unchecked as a tolerance leaves that side unbounded.
const Unchecked = -1

var noTolerance = Tolerance{PastS: Unchecked, FutureS: Unchecked}

// Definition is everything the registry knows about one provider. The exported
// fields are documentation that other tools read; behaviour is in build.
type Definition struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Aliases []string `json:"aliases"`
	Options []Option `json:"options"`
	// Headers are those that verification reads, as the provider spells them.
	Headers   []string `json:"headers"`
	Signature string   `json:"signature"`
	Secret    string   `json:"secret"`
	// SecretUse is "required", "optional" (only the handshake is answered
	// without one) or "unused" (keys come in through options).
	SecretUse string `json:"secret_use"`
	// Tolerance is the default; ProviderTolerance the one of the provider's own
	// library, where ours differs because an inbox must outlive clock skew.
	Tolerance         *Tolerance `json:"tolerance"`
	ProviderTolerance *Tolerance `json:"provider_tolerance,omitempty"`
	Identity          string     `json:"identity"`
	IdentitySigned    bool       `json:"identity_signed"`
	EventType         string     `json:"event_type"`
	Batch             bool       `json:"batch"`
	Handshake         string     `json:"handshake,omitempty"`
	NeedsURL          bool       `json:"needs_url"`
	SuccessStatus     int        `json:"success_status"`
	// CredentialHeaders, CredentialQuery and CredentialBody name what is
	// compared by equality and therefore redacted or masked in the store.
	CredentialHeaders []string `json:"credential_headers"`
	CredentialQuery   []string `json:"credential_query"`
	CredentialBody    []string `json:"credential_body"`
	Docs              string   `json:"docs"`
	// Notes are what an operator should know: traps and limits.
	Notes []string `json:"notes"`

	secrets secretNeed
	key     func([]byte) error // checks one secret's form
	build   func(*Settings) (Verifier, error)
}

// secretNeed says whether a provider can be configured without a secret.
type secretNeed int

const (
	secretRequired secretNeed = iota
	secretOptional            // until one is given only the handshake is answered
	secretUnused              // keys come in through options
)

// TableRow is one row of the machine-readable provider table, from which the
// documentation and the bindings' lists are generated.
type TableRow = Definition

var (
	byName  = map[string]*Definition{}
	ordered []*Definition
)

// register adds a provider; each provider file calls it from init().
func register(d Definition) {
	d = withCommon(d)
	for _, name := range append([]string{d.Name}, d.Aliases...) {
		if byName[name] != nil {
			panic("provider registered twice: " + name)
		}
		byName[name] = &d
	}
	ordered = append(ordered, &d)
	sort.Slice(ordered, func(i, j int) bool { return ordered[i].Name < ordered[j].Name })
}

// alsoSpelled lets an option take other spellings of its allowed values.
func alsoSpelled(o Option, canonical string, spellings ...string) Option {
	if o.synonyms == nil {
		o.synonyms = map[string]string{}
	}
	for _, spelling := range spellings {
		o.synonyms[spelling] = canonical
	}
	return o
}

// withCommon fills in what every provider shares: the url option, the
// tolerance options where a time is signed, and empty lists instead of nulls.
func withCommon(d Definition) Definition {
	if d.Tolerance != nil {
		d.Options = append(d.Options, toleranceOptions(*d.Tolerance)...)
	}
	d.Options = append(d.Options, Option{Name: "url", Type: Text,
		Doc: "Public URL of the route, exactly as the provider was given it. Only providers that sign the URL use it."})
	d.SecretUse = [...]string{secretRequired: "required", secretOptional: "optional", secretUnused: "unused"}[d.secrets]
	if d.SuccessStatus == 0 {
		d.SuccessStatus = 204
	}
	for _, list := range []*[]string{&d.Aliases, &d.Headers, &d.CredentialHeaders, &d.CredentialQuery, &d.CredentialBody, &d.Notes} {
		if *list == nil {
			*list = []string{}
		}
	}
	return d
}

func toleranceOptions(t Tolerance) []Option {
	return []Option{
		{Name: "tolerance_s", Type: Integer, Default: max(t.PastS, 0),
			Doc: "Largest accepted age of the signed time, in seconds; 0 switches the check of both sides off."},
		{Name: "future_tolerance_s", Type: Integer, Default: t.FutureS,
			Doc: "How far the signed time may lie in the future, in seconds; -1 leaves that side unchecked. Follows tolerance_s when only that is given and both sides are checked alike."},
	}
}

// Lookup finds a provider by its name or one of its aliases.
func Lookup(name string) (*Definition, bool) {
	d, ok := byName[name]
	return d, ok
}

// All returns every provider, sorted by name.
func All() []Definition {
	all := make([]Definition, len(ordered))
	for i, d := range ordered {
		all[i] = *d
	}
	return all
}

// Table returns the machine-readable rows of all providers.
func Table() []TableRow { return All() }

// Suggest returns the provider name that name was probably meant to be, or "".
func Suggest(name string) string {
	names := make([]string, 0, len(byName))
	for known := range byName {
		names = append(names, known)
	}
	sort.Strings(names)
	return nearest(name, names)
}

// nearest returns the candidate with the smallest edit distance to name, if
// that is small enough to be a slip of the hand.
func nearest(name string, candidates []string) string {
	folded := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(name))
	if len(folded) > 64 {
		return ""
	}
	best, bestDistance := "", len(folded)/3+2
	for _, candidate := range candidates {
		d := editDistance(folded, strings.ReplaceAll(candidate, "_", "-"))
		if d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
