package provider

import "strings"

// What follows builds the describe functions of the declarative providers.

// place is where a value is read: "body:path" or "header:Name". The text is
// also what a verdict reports as the source of the identity.
type place string

// describeAs reads type and identity from fixed places. An empty place means
// none; the identity place "body_hash" means the digest of the body.
func describeAs(eventType, identity place) func(*Request, *Verdict) {
	typeHeader, typeFromHeader := strings.CutPrefix(string(eventType), "header:")
	typeHeader = strings.ToLower(typeHeader)
	typePath := strings.TrimPrefix(string(eventType), "body:")
	idHeader, idFromHeader := strings.CutPrefix(string(identity), "header:")
	idHeader = strings.ToLower(idHeader)
	idPath := strings.TrimPrefix(string(identity), "body:")
	return func(r *Request, v *Verdict) {
		switch {
		case typeFromHeader:
			v.EventType = r.anyHeader(typeHeader)
		case typePath != "":
			v.EventType = text(get(r.Body, typePath))
		}
		switch {
		case idFromHeader:
			v.ProviderDeliveryID = r.anyHeader(idHeader)
			v.setIdentity(v.ProviderDeliveryID, string(identity), false)
		case identity == bodyHash:
			v.setIdentity(hashIdentity(r.Body), string(bodyHash), true)
		case idPath != "":
			v.ProviderEventID = scalar(get(r.Body, idPath))
			v.setIdentity(v.ProviderEventID, string(identity), true)
		}
	}
}

// bodyHash as an identity is right only where a retry repeats the bytes and no
// two events share them.
const bodyHash place = "body_hash"

func lowerAll(names []string) []string {
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	return lower
}
