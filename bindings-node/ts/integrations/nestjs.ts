/**
 * NestJS, on Express or Fastify: trace and peer for guards, interceptors and handlers; denials as events; the bus is
 * closed with the application.
 *
 * ```ts
 * const app = await NestFactory.create(AppModule);
 * await useVeribus(app);
 *
 * class Tokens {
 *   @Verified("jwt.signature") decode(token: string) { … }
 * }
 * ```
 *
 * @packageDocumentation
 */

import { getBus } from "../settings.js";
import type { VerifyFields } from "../verification.js";
import { veribus as express } from "./express.js";
import { veribus as fastify } from "./fastify.js";
import type { IntegrationOptions } from "./http.js";

export type { IntegrationOptions };

interface Application {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  use(...middleware: any[]): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  getHttpAdapter(): any;
}

interface Adapter {
  getType(): string;
  getInstance(): { register(plugin: unknown, options: object): PromiseLike<unknown> };
  close(): Promise<unknown>;
}

/** Puts veribus before everything in the application, and closes the bus with it. Call it before `listen`. */
export async function useVeribus(app: Application, options: IntegrationOptions & { closeMs?: number | undefined } = {}): Promise<void> {
  const adapter = app.getHttpAdapter() as Adapter;
  if (adapter.getType() === "fastify") {
    await adapter.getInstance().register(fastify, options);
  } else {
    app.use(express(options));
  }
  const close = adapter.close.bind(adapter);
  adapter.close = async () => {
    const closed = await close();
    await (options.bus ?? getBus()).close({ timeoutMs: options.closeMs ?? 2000 });
    return closed;
  };
}

/** A method, each call of it one verification. */
export function Verified(action: string, fields: VerifyFields & IntegrationOptions = {}) {
  const { bus, ...given } = fields;
  return (_target: object, _name: string | symbol, property: PropertyDescriptor): PropertyDescriptor => {
    const method = property.value as (...args: unknown[]) => unknown;
    property.value = function (this: unknown, ...args: unknown[]): unknown {
      return (bus ?? getBus()).verify(action, given, () => method.apply(this, args));
    };
    return property;
  };
}
