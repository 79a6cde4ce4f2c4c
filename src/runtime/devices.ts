/**
 * Where a model runs. The names are those of `--device` and, but for `auto`, of ONNX Runtime's execution providers. `wasm` is the processor
 * by WebAssembly, for platforms that ONNX Runtime has no native binary for.
 */
export const devices = ['cpu', 'cuda', 'webgpu', 'coreml', 'dml', 'wasm'] as const;

/** A device that was chosen. */
export type Device = (typeof devices)[number];

/** What a user may ask for; `auto` is the best that works. */
export type DeviceName = 'auto' | Device;

/** What a probe found out about one device on this machine. */
export interface DeviceStatus {
  readonly device: Device;
  readonly available: boolean;
  /** One line: what was tried and what came of it. */
  readonly reason: string;
  /** One line: what to install or change, where the device is not available but could be. */
  readonly howToGetIt?: string;
}

/** A device, and one line that says why it was taken. */
export interface DeviceChoice {
  readonly device: Device;
  readonly reason: string;
  /** Whether it replaces a faster one that does not work here. */
  readonly slower?: true;
}
