package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
)

// bodySpecs have their signature inside the body, or keys in the options.
func bodySpecs() []spec {
	const adyenKey, adyenOther = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056", "54782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
	adyenItem := func(psp, code, success string) string {
		return `{"NotificationRequestItem":{"amount":{"currency":"EUR","value":1130},"eventCode":"` + code + `","merchantAccountCode":"M","merchantReference":"order-1","originalReference":"","pspReference":"` + psp + `","success":"` + success + `"}}`
	}
	notification := func(kind, id string) string {
		return `<notification><timestamp type="datetime">2026-01-01T00:00:00Z</timestamp><kind>` + kind + `</kind><subject><subscription><id>` + id + `</id></subscription></subject></notification>`
	}
	topic := "arn:aws:sns:us-west-2:123456789012:T"
	return []spec{
		{provider: "mailgun", secret: "key-recorded", wrong: "key-other", source: "body:event-data.id + event-data.timestamp", inBody: true, fresh: true,
			events: []event{
				{id: "1", body: `{"event-data":{"event":"delivered","timestamp":1767225600.5,"id":"mg-1","message":{"headers":{"message-id":"m"}}}}`, want: expectation{kind: "delivered", identity: "mg-1:1767225600.5"}},
				{id: "2", body: `{"event-data":{"event":"opened","timestamp":1767225601.5,"id":"mg-2","message":{"headers":{"message-id":"m"}}}}`, want: expectation{kind: "opened", identity: "mg-2:1767225601.5"}},
				{id: "3", body: `{"event-data":{"event":"opened","timestamp":1767225602.5,"id":"mg-1","message":{"headers":{"message-id":"m"}}}}`, want: expectation{kind: "opened", identity: "mg-1:1767225602.5"}},
			}},
		{provider: "figma", secret: "figma-recorded", wrong: "figma-other", source: "body_hash", inBody: true, credential: true,
			events: []event{
				{body: `{"event_type":"FILE_UPDATE","timestamp":"1","webhook_id":"22","file_key":"k"}`, want: expectation{kind: "FILE_UPDATE", identity: hash}},
				{body: `{"event_type":"FILE_UPDATE","timestamp":"2","webhook_id":"22","file_key":"k"}`, want: expectation{kind: "FILE_UPDATE", identity: hash}},
				{body: `{"event_type":"FILE_DELETE","timestamp":"2","webhook_id":"22","file_key":"k"}`, want: expectation{kind: "FILE_DELETE", identity: hash}},
			}},
		{provider: "adyen", secret: adyenKey, wrong: adyenOther, options: map[string]any{"mode": "payments"}, source: "composite pspReference + eventCode + success", inBody: true,
			events: []event{
				{body: `{"live":"false","notificationItems":[` + adyenItem("psp-1", "AUTHORISATION", "true") + `]}`, want: expectation{kind: "AUTHORISATION", identity: "psp-1:AUTHORISATION:true"}},
				{body: `{"live":"false","notificationItems":[` + adyenItem("psp-1", "AUTHORISATION", "false") + `]}`, want: expectation{kind: "AUTHORISATION", identity: "psp-1:AUTHORISATION:false"}},
				{body: `{"live":"false","notificationItems":[` + adyenItem("psp-1", "CAPTURE", "true") + `,` + adyenItem("psp-2", "CAPTURE", "true") + `]}`,
					want: expectation{items: [][2]string{{"CAPTURE", "psp-1:CAPTURE:true"}, {"CAPTURE", "psp-2:CAPTURE:true"}}}},
			}},
		{provider: "adyen", secret: adyenKey, wrong: adyenOther, options: map[string]any{"mode": "platform"}, source: "body_hash", header: "HmacSignature",
			events: []event{
				{body: `{"type":"balancePlatform.transfer.created","data":{"id":"x"}}`, want: expectation{kind: "balancePlatform.transfer.created", identity: hash}},
				{body: `{"type":"balancePlatform.transfer.updated","data":{"id":"x"}}`, want: expectation{kind: "balancePlatform.transfer.updated", identity: hash}},
				{body: `{"type":"balancePlatform.transfer.updated","data":{"id":"x","n":2}}`, want: expectation{kind: "balancePlatform.transfer.updated", identity: hash}},
			}},
		{provider: "braintree", secret: "recorded_public:recorded_private", wrong: "recorded_public:other_private", source: "body_hash", inBody: true,
			events: []event{
				{body: notification("subscription_charged_successfully", "s"), want: expectation{kind: "subscription_charged_successfully", identity: hash}},
				{body: notification("subscription_canceled", "s"), want: expectation{kind: "subscription_canceled", identity: hash}},
				{body: notification("subscription_charged_successfully", "t"), want: expectation{kind: "subscription_charged_successfully", identity: hash}},
			}},
		{provider: "microsoft-graph", secret: "recorded-state", wrong: "other-state", source: "none", inBody: true, credential: true,
			events: []event{
				{body: `{"value":[{"changeType":"created","resource":"users/1/messages/A"},{"changeType":"updated","resource":"users/1/messages/A"}]}`, want: expectation{items: [][2]string{{"created", ""}, {"updated", ""}}}},
				{body: `{"value":[{"changeType":"deleted","resource":"users/1/messages/A"}]}`, want: expectation{items: [][2]string{{"deleted", ""}}}},
				{body: `{"value":[{"lifecycleEvent":"reauthorizationRequired","subscriptionId":"s"}]}`, want: expectation{items: [][2]string{{"reauthorizationRequired", ""}}}},
			}},
		{provider: "aws-sns", secret: rsaPrivateKey, wrong: rsaOtherKey, options: map[string]any{"cert_pem": rsaCertificate, "topic_arns": []any{topic}}, source: "body:MessageId", inBody: true,
			events: []event{
				{body: `{"Type":"Notification","MessageId":"sns-1","TopicArn":"` + topic + `","Subject":"S","Message":"{\"order\":1}","Timestamp":"2026-01-01T00:00:00.000Z"}`, want: expectation{kind: "Notification", identity: "sns-1"}},
				{body: `{"Type":"Notification","MessageId":"sns-2","TopicArn":"` + topic + `","Message":"{\"order\":1}","Timestamp":"2026-01-01T00:00:00.000Z"}`, want: expectation{kind: "Notification", identity: "sns-2"}},
				{body: `{"Type":"UnsubscribeConfirmation","MessageId":"sns-3","TopicArn":"` + topic + `","Message":"m","Token":"t","SubscribeURL":"https://sns.us-west-2.amazonaws.com/","Timestamp":"2026-01-01T00:00:00.000Z"}`, want: expectation{kind: "UnsubscribeConfirmation", identity: "sns-3"}},
			}},
		{provider: "paypal", secret: rsaPrivateKey, wrong: rsaOtherKey, options: map[string]any{"cert_pem": rsaCertificate, "webhook_id": "1JE4291016473214C"}, source: "body:id", header: "PAYPAL-TRANSMISSION-SIG", signed: "PAYPAL-TRANSMISSION-ID", fresh: true,
			events: []event{
				{id: "pp-1", body: `{"id":"WH-1","event_type":"PAYMENT.SALE.PENDING","resource":{"id":"R"}}`, want: expectation{kind: "PAYMENT.SALE.PENDING", identity: "WH-1"}},
				{id: "pp-2", body: `{"id":"WH-2","event_type":"PAYMENT.SALE.COMPLETED","resource":{"id":"R"}}`, want: expectation{kind: "PAYMENT.SALE.COMPLETED", identity: "WH-2"}},
				{id: "pp-3", body: `{"id":"WH-3","event_type":"PAYMENT.SALE.REFUNDED","resource":{"id":"R"}}`, want: expectation{kind: "PAYMENT.SALE.REFUNDED", identity: "WH-3"}},
			}},
		{provider: "plaid", secret: "kid-1:" + plaidKey, wrong: "kid-1:" + plaidOther, options: map[string]any{"jwks": map[string]any{"kid-1": jwk(plaidKey)}}, source: "none", header: "Plaid-Verification", fresh: true, past: 300, future: 300,
			events: []event{
				{body: "{\n  \"item_id\": \"i\",\n  \"webhook_code\": \"SYNC_UPDATES_AVAILABLE\",\n  \"webhook_type\": \"TRANSACTIONS\"\n}", want: expectation{kind: "TRANSACTIONS.SYNC_UPDATES_AVAILABLE"}},
				{body: "{\n  \"item_id\": \"i\",\n  \"webhook_code\": \"ERROR\",\n  \"webhook_type\": \"ITEM\"\n}", want: expectation{kind: "ITEM.ERROR"}},
				{body: "{\n  \"item_id\": \"i\",\n  \"webhook_code\": \"ERROR\",\n  \"webhook_type\": \"ITEM\"\n}", want: expectation{kind: "ITEM.ERROR"}},
			}},
	}
}

// jwk is the public half of a key as Plaid's API gives it.
func jwk(private string) map[string]any {
	der, err := base64.StdEncoding.DecodeString(private)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		panic(err)
	}
	key := parsed.(*ecdsa.PrivateKey)
	coordinate := func(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }
	return map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "kid-1",
		"x": coordinate(key.X.FillBytes(make([]byte, 32))), "y": coordinate(key.Y.FillBytes(make([]byte, 32)))}
}
