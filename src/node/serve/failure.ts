/** Errors of HTTP requests. */
import { ThawError } from '../../errors.ts';

/** Names of errors, for programs, and their statuses. */
export const STATUSES = {
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  timeout: 408,
  'too-large': 413,
  'unsupported-type': 415,
  misdirected: 421,
  'bad-image': 422,
  'too-many-requests': 429,
  'headers-too-large': 431,
  internal: 500,
  overloaded: 503,
} as const;
export type FailureCode = keyof typeof STATUSES;

/** An error that the client gets as `{ error: { code, message, hint } }`. */
export class Failure extends Error {
  constructor(
    readonly code: FailureCode,
    message: string,
    readonly hint?: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }

  get status(): number {
    return STATUSES[this.code];
  }

  get body(): string {
    const { code, message, hint } = this;
    return `${JSON.stringify({ error: { code, message, hint } })}\n`;
  }
}

/** What the client learns of an error. A bug's message stays here. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ThawError && error.code === 'bad-data')
    return new Failure('bad-image', error.message, error.hint);
  return new Failure('internal', 'the prediction failed', 'The log of the server has the reason');
}
