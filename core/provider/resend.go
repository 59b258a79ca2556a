package provider

// Resend sends through Svix. Source: resend 6.38.0.
func init() {
	register(standardSender("resend", "Resend", "svix-", "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
		standardFamilies{"svix-"}.build, "data.email_id is the email: sent, delivered and opened share it."))
}
