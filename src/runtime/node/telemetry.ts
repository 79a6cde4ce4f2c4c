import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

/** Read by ONNX Runtime when it starts. */
export const NO_TELEMETRY = { ORT_DISABLE_TELEMETRY: '1' } as const;

/**
 * Turns off the telemetry of ONNX Runtime, unless the user has set the variable. Since 1.29, the binaries for Linux and macOS send data about
 * models and sessions to Microsoft, and keep a device id in the user's cache folder. Must run before ONNX Runtime starts.
 */
export function disableTelemetry(): void {
  const [[name, value]] = Object.entries(NO_TELEMETRY);
  if (process.env[name] !== undefined) return;
  process.env[name] = value;
  // A thread has a copy of the environment, and ONNX Runtime reads that of the process.
  if (!isMainThread && process.platform !== 'win32')
    process.emitWarning(
      `ONNX Runtime may send usage data to Microsoft from this thread: start the program with ${name}=${value}`,
    );
}
