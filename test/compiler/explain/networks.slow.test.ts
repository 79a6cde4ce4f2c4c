// The method that suits each network, and the values that it looks at, in whatever way the network was exported.
import { expect, test } from 'vitest';
import { type ExplainMethod, explainGraph, suitableMethod } from '../../../src/compiler/explain/index.ts';
import { hoistConstants } from '../../../src/compiler/surgery/index.ts';
import { readModel, tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { inferNetwork, scoresOf } from '../../../src/session/index.ts';
import { loadNetwork } from '../../reference.ts';

const runtime = await nodeRuntime();

async function opened(name: string) {
  const { model, runs } = loadNetwork(name);
  const [images] = Object.values(runs[0].inputs);
  const { graph, ...rest } = readModel(model);
  const network = await inferNetwork({ ...rest, graph: hoistConstants(graph) }, runtime);
  const layout = images.shape[3] === 3 ? ('nhwc' as const) : ('nchw' as const);
  const [height, width] = layout === 'nhwc' ? images.shape.slice(1, 3) : images.shape.slice(2);
  const scores = scoresOf(network.model, network.model.graph.outputs[0].name);
  return { images, network, plan: { scores, images: { layout, width, height } } };
}

test.each<[name: string, method: ExplainMethod, places: readonly number[]]>([
  ['resnet18-kept', 'grad-cam', [2, 2]],
  ['squeezenet1_1-folded', 'grad-cam', [3, 3]],
  // Its last layers with one place do not count, and neither does a border.
  ['keras_mobilenet_v2-tf2onnx', 'grad-cam', [2, 2]],
  ['mobilevit-dynamo', 'grad-cam', [2, 2]],
  // Windows are no places.
  ['swin-torchscript', 'grad-cam', [8, 8]],
  ['maxvit-kept', 'grad-cam', [4, 4]],
  ['vit-dynamo', 'attention', [4, 4]],
  // Fused attention.
  ['vit-ort_extended', 'attention', [4, 4]],
  // The mean of the tokens without the one of the class, and registers.
  ['beit-torchscript', 'attention', [4, 4]],
  ['vit_registers-torchscript', 'attention', [4, 4]],
  ['keras_attention-tf2onnx', 'attention', [4, 4]],
])('%s: %s', async (name, method, places) => {
  const { images, network, plan } = await opened(name);
  expect(suitableMethod(network, plan)).toBe(method);
  for (const own of [method, 'grad-cam'] as const) {
    const graph = explainGraph(network, { ...plan, method: own });
    const session = await runtime.load(writeModel(graph.model));
    const [count] = images.shape;
    const target = tensor('int64', [count], new BigInt64Array(count));
    const { [graph.result]: map } = await session.run({ [graph.images]: images, [graph.target]: target });
    expect(map.shape).toEqual([count, ...places]);
    expect(Array.from(map.data, Number).every(Number.isFinite)).toBe(true);
    await session.release();
  }
});

test('attention within windows is refused, and so are scores of places', async () => {
  const swin = await opened('swin-dynamo');
  const within = 'the attention of this model gives no map: it attends within windows of the image';
  expect(() => explainGraph(swin.network, { ...swin.plan, method: 'rollout' })).toThrow(within);
  const unet = await opened('unet-kept');
  expect(() => explainGraph(unet.network, { ...unet.plan, method: 'grad-cam' })).toThrow('not one row for each image');
});
