/** Serves finished models over HTTP. */

export { type ServeHooks, type ServeOptions, serveModel } from './model.ts';
export type { ServedRequest, Serving } from './server.ts';
