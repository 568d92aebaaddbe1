// What all web frameworks have in common: the request's trace and peer, and answers that are security events.

import { isIP } from "node:net";

import type { VerificationEventBus } from "../bus.js";
import { authentication, authorization, security, type VerificationEvent } from "../event.js";
import { getBus } from "../settings.js";
import { type Context, extract, use } from "../trace.js";

/** What an integration may be told. */
export interface IntegrationOptions {
  /** The bus to publish on; that of the process unless said. */
  bus?: VerificationEventBus | undefined;
}

const TEXT_MAX = 256;

/** Text from outside: cut, and without halves of characters. */
function clean(text: string): string {
  return text.slice(0, TEXT_MAX).toWellFormed();
}

/** The text, if it is an IP address: what is not says nothing of where a request came from. @internal */
export function address(text: string | undefined): string | undefined {
  const bare = (text ?? "").split("%")[0] as string;
  const plain = bare.startsWith("::ffff:") && isIP(bare.slice(7)) === 4 ? bare.slice(7) : bare;
  return isIP(plain) === 0 ? undefined : plain;
}

/** Runs the work for a request in its trace; a header of the caller begins a span of ours in the caller's trace. @internal */
export function serve<T>(
  headers: Headers | { readonly [name: string]: string | string[] | undefined }, peer: string | undefined, work: (context: Context) => T,
): T {
  return use(extract(headers)?.child(), work, { sourceIp: address(peer) });
}

/** The event that an answer is: 401 a failed authentication, 403 a denied permission, 429 a limit that was hit. */
function ofAnswer(status: number, method: string, url: string, context: Context | undefined): VerificationEvent | undefined {
  const common = {
    actor: context?.actor,
    sourceIp: context?.sourceIp,
    trace: context?.trace,
    // What stands behind the question mark may be a secret.
    target: clean(url.split(/[?#]/)[0] || "/"),
    targetKind: "path",
    outcome: "failure" as const,
    reason: `http_${status}`,
    attributes: { "http.request.method": clean(method), "http.response.status_code": status },
  };
  switch (status) {
    case 401:
      return authentication("http.request", common);
    case 403:
      return authorization("http.request", { ...common, permission: clean(method) });
    case 429:
      return security("http.rate_limited", { ...common, severity: "low" });
    default:
      return undefined;
  }
}

/** Publishes what an answer says, if it says something. @internal */
export function answered(options: IntegrationOptions, status: number, method: string, url: string, context: Context | undefined): void {
  const event = ofAnswer(status, method, url, context);
  if (event !== undefined) {
    (options.bus ?? getBus()).publish(event);
  }
}
