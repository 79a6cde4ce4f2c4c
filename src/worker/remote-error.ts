import { ThawError } from '../errors.ts';
import type { RemoteError } from './protocol.ts';

/** An error as plain data: structured cloning keeps neither classes nor codes. */
export const describe = (error: unknown): RemoteError =>
  error instanceof ThawError
    ? { code: error.code, message: error.message, hint: error.hint }
    : { message: error instanceof Error ? error.message : String(error) };

/** The error that was described. */
export const revive = ({ code, message, hint }: RemoteError): Error =>
  code ? new ThawError(code, message, hint) : new Error(message);
