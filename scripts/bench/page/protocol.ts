/** What the contender's process asks of the worker in its page. */
import type { StepsRequest } from '../protocol.ts';

/** A request whose files are addresses. */
export interface PageRequest extends StepsRequest {
  readonly threads: number;
  /** Where ONNX Runtime's artifacts for training are, if the contender needs them. */
  readonly artifacts: string;
  /** Where onnxruntime-web's files are. */
  readonly ort: string;
  /** `node_modules` of scripts/bench/peers. */
  readonly peers: string;
}

export type PageHandlers = Readonly<Record<string, (argument: never) => Promise<object>>>;
