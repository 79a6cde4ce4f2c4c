/** Thaw in a page or a worker: the core, and ONNX Runtime for the web. */
export * from './core.ts';
export { type WebRuntimeOptions, webRuntime } from './runtime/web/sessions.ts';
