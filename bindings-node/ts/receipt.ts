// What `publish` answered: nearly always one number, from which the id is made when somebody asks.

import type { Answered } from "./native.js";

/** The answer of `publish`. */
export interface Receipt {
  /** Whether the event was taken. */
  readonly accepted: boolean;
  readonly status: "accepted" | "dropped" | "rejected";
  /** 32 hexadecimal digits, where the event got a number. */
  readonly id: string | undefined;
  /** Why it was not taken. */
  readonly reason: string | undefined;
}

class Accepted implements Receipt {
  readonly #instance: string;
  readonly #number: number;

  constructor(instance: string, number: number) {
    this.#instance = instance;
    this.#number = number;
  }

  get accepted(): boolean {
    return true;
  }

  get status(): "accepted" {
    return "accepted";
  }

  get id(): string {
    return this.#instance + this.#number.toString(16).padStart(16, "0");
  }

  get reason(): undefined {
    return undefined;
  }

  toJSON(): object {
    return { accepted: true, status: "accepted", id: this.id };
  }
}

/** @internal */
export function accepted(instance: string, number: number): Receipt {
  return new Accepted(instance, number);
}

/** What is no number: refused, or of a lane whose number is too large. @internal */
export function refused(found: Answered | null): Receipt {
  const status = found?.status ?? "rejected";
  return { accepted: status === "accepted", status, id: found?.id, reason: found?.reason };
}
