import { type Graph, writeModel } from '../onnx/index.ts';

/** A small encoded model for probing a runtime. @param opsets opsets in addition to the standard one */
export const probeModel = (graph: Graph, opsets: Readonly<Record<string, number>> = {}): Uint8Array =>
  writeModel({
    irVersion: 8,
    opsets: { '': 18, ...opsets },
    producerName: 'thaw',
    producerVersion: '',
    graph,
    metadata: {},
  });
