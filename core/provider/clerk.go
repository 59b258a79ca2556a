package provider

// Clerk sends through Svix, and its library reads the svix- headers only.
// Source: @clerk/backend 3.25.0.
func init() {
	register(standardSender("clerk", "Clerk", "svix-", "https://clerk.com/docs/webhooks/sync-data",
		standardFamilies{"svix-"}.build, "data.id is the user, session or organisation."))
}
