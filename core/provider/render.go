package provider

// Render follows Standard Webhooks. Source: Render's "Webhooks".
func init() {
	register(standardSender("render", "Render", "webhook-", "https://render.com/docs/webhooks",
		standardFamilies{"webhook-"}.build))
}
