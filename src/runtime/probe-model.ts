import { type Graph, writeModel } from '../onnx/index.ts';

/** A small model, encoded, by which something is found out of a runtime. @param opsets besides the standard's */
export const probeModel = (graph: Graph, opsets: Readonly<Record<string, number>> = {}): Uint8Array =>
  writeModel({
    irVersion: 8,
    opsets: { '': 18, ...opsets },
    producerName: 'thaw',
    producerVersion: '',
    graph,
    metadata: {},
  });
