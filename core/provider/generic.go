package provider

import "strings"

// genericOptions are the options of the providers that know nothing of the
// sender: where its events carry their type and their identity.
var genericOptions = []Option{
	{Name: "event_type_path", Type: Text, Doc: "Path of the event type in a JSON body, such as data.kind. Defaults to the top-level type if that is a text."},
	{Name: "event_type_header", Type: Text, Doc: "Header that carries the event type; wins over the body."},
	{Name: "event_id_path", Type: Text, Doc: "Path of the event's identity in a JSON body, such as event.id. It must name the event, not the object that it is about."},
	{Name: "event_id_header", Type: Text, Doc: "Header that carries the event's identity; wins over the body."},
}

// genericDescribe reads type and identity where the operator said. signed
// tells whether the body is under a signature.
func genericDescribe(s *Settings, signed bool) (func(*Request, *Verdict), error) {
	typePath, idPath := s.Text("event_type_path"), s.Text("event_id_path")
	typeHeader := strings.ToLower(s.Text("event_type_header"))
	idHeader := strings.ToLower(s.Text("event_id_header"))
	for _, path := range []string{typePath, idPath} {
		if !plainPath(path) {
			return nil, invalidArgument("a path of provider %s is names and numbers joined by dots, such as data.items.0.id", s.Definition.Name)
		}
	}
	if typePath == "" {
		typePath = "type"
	}
	return func(r *Request, v *Verdict) {
		if typeHeader != "" {
			v.EventType = r.anyHeader(typeHeader)
		}
		if v.EventType == "" {
			v.EventType = text(get(r.Body, typePath))
		}
		if idHeader != "" {
			v.ProviderEventID = r.anyHeader(idHeader)
			v.setIdentity(v.ProviderEventID, "header:"+idHeader, false)
		}
		if v.Identity == "" && idPath != "" {
			v.ProviderEventID = scalar(get(r.Body, idPath))
			v.setIdentity(v.ProviderEventID, "body:"+idPath, signed)
		}
	}, nil
}

// plainPath allows names and numbers joined by dots, and nothing of the query
// language behind them. A name that begins with @ is written \@.
func plainPath(path string) bool {
	if path == "" {
		return true
	}
	for _, name := range strings.Split(path, ".") {
		if name == "" || strings.ContainsRune("@!{[(", rune(name[0])) {
			return false
		}
	}
	return !strings.ContainsAny(path, "|#*?\x00")
}
