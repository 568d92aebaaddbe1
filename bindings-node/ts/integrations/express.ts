/**
 * Express, Connect, and whatever takes `(req, res, next)`: the request's trace and peer for everything inside, and 401,
 * 403 and 429 as events.
 *
 * ```js
 * app.use(veribus());      // before everything else
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage, ServerResponse } from "node:http";

import { answered, type IntegrationOptions, serve } from "./http.js";

export type { IntegrationOptions };

/** What Express adds to a request; behind a proxy it trusts, `ip` is the client's. */
type Request = IncomingMessage & { ip?: string | undefined; originalUrl?: string };

/** Middleware; put it first. Headers that anybody can send are not believed: set Express' `trust proxy`. */
export function veribus(options: IntegrationOptions = {}) {
  return (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
    const { ip, originalUrl } = request as Request;
    serve(request.headers, ip ?? request.socket.remoteAddress, (context) => {
      response.once("finish", () => {
        answered(options, response.statusCode, request.method ?? "", originalUrl ?? request.url ?? "", context);
      });
      next();
    });
  };
}
