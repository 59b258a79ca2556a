package providertest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// The providers whose signature or credential is inside the body.
func init() {
	signers["mailgun"] = func(s *signing) error {
		token := hex.EncodeToString(mac(sha256.New, []byte("token"), s.id))[:50]
		return s.prepend("signature", map[string]string{
			"token": token, "timestamp": s.seconds(), "signature": s.hex256(s.seconds(), token)})
	}
	signers["figma"] = func(s *signing) error { return s.prepend("passcode", s.secret) }
	signers["adyen"] = signAdyen
	signers["braintree"] = signBraintree
	signers["microsoft-graph"] = signGraph
	signers["aws-sns"] = signSNS
}

// prepend puts a member in front of the body's JSON object.
func (s *signing) prepend(name string, value any) error {
	object := bytes.TrimSpace(s.Body)
	if len(object) < 2 || object[0] != '{' {
		return errors.New("the body is not a JSON object")
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	rest := object[1:]
	joint := ","
	if bytes.Equal(bytes.TrimSpace(rest), []byte("}")) {
		joint = ""
	}
	s.Body = []byte(`{"` + name + `":` + string(encoded) + joint + string(rest))
	return nil
}

// decoded is the body with numbers as they were written.
func (s *signing) decoded() (map[string]any, error) {
	var document map[string]any
	decoder := json.NewDecoder(bytes.NewReader(s.Body))
	decoder.UseNumber()
	return document, decoder.Decode(&document)
}

func (s *signing) encode(document any) error {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(document)
	s.Body = bytes.TrimSpace(out.Bytes())
	return err
}

func signAdyen(s *signing) error {
	key, err := hex.DecodeString(s.secret)
	if err != nil {
		return errors.New("the secret is not hex")
	}
	if s.option("mode", "payments") == "platform" {
		s.header("HmacSignature", base64.StdEncoding.EncodeToString(mac(sha256.New, key, string(s.Body))))
		return nil
	}
	document, err := s.decoded()
	if err != nil {
		return err
	}
	items, _ := document["notificationItems"].([]any)
	for _, wrapper := range items {
		outer, _ := wrapper.(map[string]any)
		item, _ := outer["NotificationRequestItem"].(map[string]any)
		amount, _ := item["amount"].(map[string]any)
		if item == nil {
			return errors.New("a notification item has no NotificationRequestItem")
		}
		values := []any{item["pspReference"], item["originalReference"], item["merchantAccountCode"], item["merchantReference"],
			amount["value"], amount["currency"], item["eventCode"], item["success"]}
		texts := make([]string, len(values))
		for i, value := range values {
			texts[i] = plainText(value)
		}
		item["additionalData"] = map[string]any{"hmacSignature": base64.StdEncoding.EncodeToString(mac(sha256.New, key, strings.Join(texts, ":")))}
	}
	return s.encode(document)
}

func plainText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

// signBraintree takes the XML notification as body and publicKey:privateKey as
// secret.
func signBraintree(s *signing) error {
	public, private, ok := strings.Cut(s.secret, ":")
	if !ok {
		return errors.New("the secret is not publicKey:privateKey")
	}
	payload := base64.StdEncoding.EncodeToString(s.Body) + "\n"
	key := sha1.Sum([]byte(private))
	digest := hex.EncodeToString(mac(sha1.New, key[:], payload))
	s.header("Content-Type", "application/x-www-form-urlencoded")
	s.Body = []byte("bt_signature=" + url.QueryEscape(public+"|"+digest) + "&bt_payload=" + url.QueryEscape(payload))
	return nil
}

func signGraph(s *signing) error {
	document, err := s.decoded()
	if err != nil {
		return err
	}
	items, _ := document["value"].([]any)
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			object["clientState"] = s.secret
		}
	}
	return s.encode(document)
}

// signSNS completes a message (Type, Message, TopicArn, …) and signs it with
// an RSA key in PEM.
func signSNS(s *signing) error {
	key, err := rsaKey(s.secret)
	if err != nil {
		return err
	}
	document, err := s.decoded()
	if err != nil {
		return err
	}
	set := func(name, value string) {
		if _, ok := document[name]; !ok {
			document[name] = value
		}
	}
	set("Type", "Notification")
	set("MessageId", s.id)
	set("Timestamp", s.at.UTC().Format("2006-01-02T15:04:05.000Z"))
	set("SigningCertURL", "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-test.pem")
	document["SignatureVersion"] = "2"
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if document["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	content := ""
	for _, name := range names {
		if value, ok := document[name].(string); ok {
			content += name + "\n" + value + "\n"
		}
	}
	if document["Signature"], err = signRSA(key, content); err != nil {
		return err
	}
	s.header("Content-Type", "text/plain; charset=UTF-8")
	return s.encode(document)
}
