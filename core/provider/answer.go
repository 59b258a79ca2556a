package provider

// Answer is the HTTP answer that the verdict asks for: its Response, or the
// provider's success status, or 401.
func (v *Verdict) Answer() Response {
	switch {
	case v.Response != nil:
		return *v.Response
	case v.Reason == VerifierError:
		return Response{StatusCode: 500}
	case !v.Valid:
		return Response{StatusCode: 401}
	case v.SuccessStatus != 0:
		return Response{StatusCode: v.SuccessStatus}
	}
	return Response{StatusCode: 204}
}

// answer is a response with a body of the given media type. Browsers must not
// guess another one: some of these bodies echo what a stranger sent.
func answer(status int, mediaType, body string) *Response {
	return &Response{
		StatusCode: status,
		Headers:    []Field{{"content-type", mediaType}, {"x-content-type-options", "nosniff"}},
		Body:       body, HasBody: true,
	}
}
