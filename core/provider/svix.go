package provider

// Svix follows Standard Webhooks under header names of its own, and its library
// takes either family. Source: svix 1.99.1.
func init() {
	register(standardSender("svix", "Svix", "svix-", "https://docs.svix.com/receiving/verifying-payloads/how",
		standardFamilies{"svix-", "webhook-"}.build))
}
