import { webhooks } from "../../../lib/webhooks.mjs";

export const runtime = "nodejs";

export async function POST(request, { params }) {
  const { endpoint } = await params;
  try {
    const { response } = await webhooks().receiveAsync({
      endpoint,
      body: await request.arrayBuffer(),
      headers: request.headers,
      query: new URL(request.url).searchParams,
      method: request.method,
    });
    return new Response(response.body, { status: response.status_code, headers: response.headers });
  } catch (error) {
    return new Response(null, { status: error.http_status ?? 500 });
  }
}

export const GET = POST;
