/**
 * Hono on Node: the request's trace and peer for everything inside, and 401, 403 and 429 as events.
 *
 * ```js
 * app.use(veribus());
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage } from "node:http";

import { answered, type IntegrationOptions, serve } from "./http.js";

export type { IntegrationOptions };

interface HonoContext {
  req: { method: string; path: string; raw: { headers: Headers } };
  res: { status: number };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  env: any;
}

/** Middleware; put it first. The peer is known where `@hono/node-server` serves. */
export function veribus(options: IntegrationOptions = {}) {
  return async (context: HonoContext, next: () => Promise<void>): Promise<void> => {
    const incoming = (context.env as { incoming?: IncomingMessage } | undefined)?.incoming;
    await serve(context.req.raw.headers, incoming?.socket?.remoteAddress, async (request) => {
      await next();
      answered(options, context.res.status, context.req.method, context.req.path, request);
    });
  };
}
