import { expect, it } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { writeModel } from '../../src/onnx/index.ts';
import { loadError } from '../../src/runtime/load-error.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { smallModel } from '../small-models.ts';

interface Lacking {
  readonly op: string;
  readonly domain?: string;
  readonly opset?: number;
  readonly imports?: Readonly<Record<string, number>>;
  readonly inputs?: readonly string[];
  readonly attributes?: Readonly<Record<string, number>>;
}

async function refusal({ op, domain = '', opset = 17, imports = {}, inputs = ['x'], attributes }: Lacking) {
  const model = smallModel({
    nodes: [[op, inputs, ['y'], attributes, 'the node']],
    ...{ inputs: { x: ['n', 4, 4, 4] }, outputs: { y: [null] }, opset },
  });
  const nodes = model.graph.nodes.map((node) => ({ ...node, domain }));
  const outputs = [{ name: 'y' }];
  const encoded = writeModel({
    ...model,
    opsets: { ...model.opsets, ...imports },
    graph: { ...model.graph, nodes, outputs },
  });
  const error = await nodeRuntime()
    .load(encoded)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ThawError);
  return error as ThawError;
}

it.each<[Lacking, RegExp]>([
  [{ op: 'NoSuch' }, /does not know the operator NoSuch in opset 17\. Export the model without NoSuch/],
  [{ op: 'Gelu' }, /does not know the operator Gelu in opset 17.*with an opset that has it/],
  [{ op: 'NoSuch', domain: 'my.ops', imports: { 'my.ops': 1 } }, /the operator NoSuch of the domain my\.ops.*stock/],
  [
    {
      ...{ op: 'GroupNorm', domain: 'com.microsoft', imports: { 'com.microsoft': 1 }, inputs: ['x', 'x', 'x'] },
      attributes: { groups: 2, activation: 0, channels_last: 1 },
    },
    /no kernel for the operator GroupNorm \(version 1\) on cpu, which the node "the node" needs/,
  ],
])('names a missing operator: %j', async (lacking, message) => {
  const error = await refusal(lacking);
  expect(error.code).toBe('unsupported-operator');
  expect(error.line).toMatch(message);
  expect(error.line).not.toMatch(/checker/);
});

it('names a domain without import, and a newer opset', async () => {
  expect((await refusal({ op: 'NoSuch', domain: 'my.ops' })).line).toMatch(/domain my\.ops, but does not import it/);
  expect((await refusal({ op: 'Relu', opset: 99 })).line).toMatch(/opset 99 of ai\.onnx.*only supports up to \d+/);
});

it("keeps ONNX Runtime's message for other errors, without the web package's prefix", async () => {
  const wrongType: Lacking = { op: 'Relu', attributes: { foo: 1 } };
  expect((await refusal(wrongType)).line).toMatch(/cannot load the model: .*foo.*onnx\.checker/);
  const web = new Error(
    "Can't create a session. ERROR_CODE: 6, ERROR_MESSAGE: No Op registered for Foo with domain_version of 9",
  );
  expect(loadError(web, 'wasm', '').message).toBe('ONNX Runtime does not know the operator Foo in opset 9');
  const other = new Error("Can't create a session. ERROR_CODE: 10, ERROR_MESSAGE: Type Error");
  expect(loadError(other, 'wasm', 'Export it again').line).toBe(
    'ONNX Runtime cannot load the model: Type Error. Export it again',
  );
});
