import { withoutSecrets } from './secrets.ts';

/** The kind of a `ThawError`, for programs. */
export type ErrorCode =
  | 'bad-model'
  | 'bad-data'
  | 'bad-config'
  | 'unsupported-operator'
  | 'not-found'
  | 'network'
  | 'device'
  | 'memory'
  | 'run-directory'
  /** A page's storage is full, or another tab has the project. */
  | 'storage'
  /** The worker, thread or process that trained is gone. */
  | 'ended'
  | 'diverged';

/**
 * An error that the user can fix. Anything else that is thrown is a bug in Thaw. The command line prints `message` and `hint` on one line and
 * exits with 2; bugs exit with 1.
 */
export class ThawError extends Error {
  override readonly name = 'ThawError';
  readonly hint?: string;

  /** The whole message on one line, as the command line prints it. */
  declare readonly line: string;

  /**
   * Addresses lose their secrets. Line breaks, which names in files may have, become spaces.
   *
   * @param message what is wrong and where, one line, without a final full stop
   * @param hint what to do about it, one line
   */
  constructor(
    readonly code: ErrorCode,
    message: string,
    hint?: string,
    options?: ErrorOptions,
  ) {
    super(asLine(message), options);
    this.hint = hint === undefined ? hint : asLine(hint);
    // JavaScriptCore (Safari, Bun) gives every error a `line` of its own, which would hide a getter of the class.
    Object.defineProperty(this, 'line', { value: this.hint ? `${ended(this.message)} ${this.hint}` : this.message });
  }
}

/** A job that the user stopped. The message says what is saved. */
export class Stopped extends Error {
  override readonly name = 'AbortError';
}

/** A message may end with a question: `Did you mean lr?` */
const ended = (message: string): string => (/[.?]$/.test(message) ? message : `${message}.`);

const asLine = (text: string): string => withoutSecrets(text).replace(/\s*[\n\v\f\r\u0085\u2028\u2029]\s*/g, ' ');

/**
 * Checks a text that a caller in JavaScript may have left out.
 *
 * @param name of the property, for the error
 * @throws ThawError `bad-config`
 */
export function requireText(value: unknown, name: string, hint: string): asserts value is string {
  if (typeof value === 'string' && value !== '') return;
  const problem = value === undefined || value === '' ? 'is missing' : `is not a text, but ${typeof value}`;
  throw new ThawError('bad-config', `${name} ${problem}`, hint);
}

/**
 * Checks a request that a caller in JavaScript may have left out.
 *
 * @throws ThawError `bad-config`
 */
export function requireRequest(request: unknown): asserts request is object {
  if (typeof request === 'object' && request !== null) return;
  const problem =
    request === undefined ? 'is missing' : `is not an object, but ${request === null ? 'null' : typeof request}`;
  throw new ThawError(
    'bad-config',
    `the request ${problem}`,
    "Pass an object, such as { model: 'default', data: './images' }",
  );
}
