/**
 * Fastify: the request's trace and peer for everything inside, and 401, 403 and 429 as events.
 *
 * ```js
 * await app.register(veribus);
 * ```
 *
 * @packageDocumentation
 */

import { type Context, resume } from "../trace.js";
import { answered, type IntegrationOptions, serve } from "./http.js";

export type { IntegrationOptions };

interface Request {
  headers: { readonly [name: string]: string | string[] | undefined };
  ip: string;
  method: string;
  url: string;
}

interface Reply {
  statusCode: number;
}

interface Instance {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  addHook(name: any, hook: (request: any, reply: any, done: () => void) => void): unknown;
}

/** The plugin; it holds for the whole application, also for what was registered before. */
export function veribus(app: Instance, options: IntegrationOptions, done: () => void): void {
  const contexts = new WeakMap<object, Context>();
  app.addHook("onRequest", (request: Request, _reply: Reply, next: () => void) => {
    serve(request.headers, request.ip, (context) => {
      contexts.set(request, context);
      next();
    });
  });
  // Reading a body goes on in the connection's context: from here on in the request's again.
  app.addHook("preValidation", (request: Request, _reply: Reply, next: () => void) => resume(contexts.get(request), next));
  app.addHook("onResponse", (request: Request, reply: Reply, next: () => void) => {
    answered(options, reply.statusCode, request.method, request.url, contexts.get(request));
    next();
  });
  done();
}

// What Fastify reads from a plugin: it is for all, and this is its name.
Object.assign(veribus, { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "veribus" });

export default veribus;
