/**
 * Devices for models. The names are those of `--device`; all except `auto` are ONNX Runtime's execution providers. `wasm` is the processor
 * with WebAssembly, for platforms without a native binary of ONNX Runtime.
 */
export const devices = ['cpu', 'cuda', 'webgpu', 'coreml', 'dml', 'wasm'] as const;

/** A concrete device. */
export type Device = (typeof devices)[number];

/** A device name for users; `auto` is the best device that works. */
export type DeviceName = 'auto' | Device;

/** Result of probing a device on this machine. */
export interface DeviceStatus {
  readonly device: Device;
  readonly available: boolean;
  /** One line: the result of the probe. */
  readonly reason: string;
  /** One line with the fix, if the device is not available but could be. */
  readonly howToGetIt?: string;
}

/** A device, and the reason for the choice in one line. */
export interface DeviceChoice {
  readonly device: Device;
  readonly reason: string;
  /** Whether it replaces a faster device that does not work here. */
  readonly slower?: true;
}
