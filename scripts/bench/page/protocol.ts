/** Requests of the contender's process to the worker in its page. */
import type { StepsRequest } from '../protocol.ts';

/** A request with addresses instead of files. */
export interface PageRequest extends StepsRequest {
  readonly threads: number;
  /** The address of ONNX Runtime's training artifacts, if the contender needs them. */
  readonly artifacts: string;
  /** The address of onnxruntime-web's files. */
  readonly ort: string;
  /** `node_modules` of scripts/bench/peers. */
  readonly peers: string;
}

export type PageHandlers = Readonly<Record<string, (argument: never) => Promise<object>>>;
