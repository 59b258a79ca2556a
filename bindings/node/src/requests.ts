/** The requests of the calls that take whole HTTP requests and endpoints. */

import { bodyBytes, fields, type Json, nestedOptions, putSecrets, snakeFields } from "./arguments.js";
import type { EndpointOptions, ReceiveOptions } from "./types.js";

/** Of `add_endpoint`. */
export function endpointRequest(options: EndpointOptions): Json {
  const request = snakeFields(options);
  if ("provider_options" in request) request.provider_options = nestedOptions(request.provider_options);
  putSecrets(request, options);
  return request;
}

/** Of `receive`, and the body that goes beside it. `more`: fields that `options` has not. */
export function receipt(options: ReceiveOptions, more: Json): { request: Json; body: Uint8Array } {
  const { body, headers, query, providerOptions, ...rest } = options;
  const { bytes, consumed } = bodyBytes(body);
  const request: Json = { ...snakeFields(rest), ...more };
  if (headers !== undefined) request.headers = fields(headers);
  if (query !== undefined) request.query = fields(query);
  if (providerOptions !== undefined) request.provider_options = nestedOptions(providerOptions);
  putSecrets(request, options);
  if (consumed) request.body_consumed = true;
  return { request, body: bytes };
}
