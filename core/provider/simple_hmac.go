package provider

// simple completes the definition of a provider that is nothing but an HMAC in
// one header, with type and identity at fixed places.
func simple(d Definition, scheme hmacScheme, eventType, identity place) Definition {
	if d.Signature == "" {
		d.Signature = describeScheme(scheme)
	}
	d.EventType, d.Identity = string(eventType), string(identity)
	if eventType == "" {
		d.EventType = "none"
	}
	if identity == "" {
		d.Identity = "none"
	}
	d.IdentitySigned = identity == bodyHash || len(identity) > 5 && identity[:5] == "body:"
	d.build = buildHMAC(scheme, describeAs(eventType, identity))
	return d
}

func describeScheme(scheme hmacScheme) string {
	name, written := "HMAC-SHA256", "hex"
	if scheme.algo.size == useSHA1.size {
		name = "HMAC-SHA1"
	}
	if scheme.enc == stdBase64 {
		written = "base64"
	}
	if scheme.prefix != "" {
		written += " after \"" + scheme.prefix + "\""
	}
	return name + ", " + written + ", over the body"
}
