import * as z from 'zod';
import { parseConfig } from '../../training/index.ts';

const count = z.number().int().positive();

/** Settings of a server. */
const serveSchema = z.strictObject({
  /** 0 for any free port. */
  port: z.number().int().min(0).max(65535).default(8080),
  /** The address to listen on. `127.0.0.1` serves this machine only. */
  host: z.string().min(1).default('127.0.0.1'),
  /** Clients send it as `Authorization: Bearer TOKEN`. */
  token: z.string().min(1).optional(),
  /** Origin of pages that may use the server from a browser, such as `https://example.org`; `*` for all. */
  cors: z.string().min(1).optional(),
  /** Number of most probable labels in `probabilities`, if the request does not give its own; all unless given. */
  top: count.optional(),
  /** Largest body of a request, in megabytes. */
  maxBody: z.number().positive().default(20),
  /** Largest image, in megapixels. */
  maxPixels: z.number().positive().default(64),
  /** Images or texts of a request. */
  maxSamples: count.default(16),
  /** Requests of an address in a minute, 0 for any number. Unless given, 600, and any number on this machine. */
  rate: z.number().int().min(0).optional(),
  /** Requests at the same time. Others get status 503. */
  queue: count.default(64),
  /** Seconds in which a request must arrive. */
  timeout: z.number().positive().default(30),
});
export type ServeSettings = z.input<typeof serveSchema>;
export type ReadServeSettings = ReturnType<typeof readServeSettings>;

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/** @throws ThawError `bad-config` naming the setting */
export function readServeSettings(input: ServeSettings) {
  const { rate, ...settings } = parseConfig(serveSchema, input);
  const isLocal = LOOPBACK.includes(settings.host);
  return { ...settings, isLocal, rate: rate ?? (isLocal ? 0 : 600) };
}
