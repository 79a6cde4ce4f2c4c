/**
 * Writes the table in docs/networks.md: Thaw's difference from PyTorch for every network of test/fixtures/networks.
 *
 *     npx tsx scripts/reference/table.ts
 */
import { readModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { compareNetwork } from '../../test/compare-network.ts';
import { loadNetwork, networkNames, type ReferenceNetwork } from '../../test/reference.ts';
import { markdownTable, writePart } from './page.ts';

const COLUMNS = [
  'network',
  'export',
  'from',
  'operator set',
  'parameters',
  'loss error',
  'worst relative error',
  'PyTorch float32',
  '1 − worst cosine',
];

const scientific = (value: number): string => value.toExponential(1);

async function row(reference: ReferenceNetwork): Promise<(string | number)[]> {
  const comparisons = await compareNetwork(reference, nodeRuntime('cpu', { intraOpNumThreads: 1 }));
  const gradients = comparisons.flatMap((comparison) => comparison.gradients);
  const single = reference.runs.flatMap((run) => Object.values(run.gradients).map(({ float32 }) => float32));
  const { graph, opsets } = readModel(reference.model);
  const count = reference.parameters.reduce((all, name) => {
    return all + graph.initializers.get(name)!.shape.reduce((product, d) => product * d, 1);
  }, 0);
  return [
    reference.network,
    reference.flavour,
    reference.source,
    opsets[''],
    `${reference.parameters.length} tensors, ${count.toLocaleString('en')}`,
    scientific(Math.max(...comparisons.map(({ loss }) => loss))),
    scientific(Math.max(...gradients.map(({ relative }) => relative))),
    scientific(Math.max(...single)),
    scientific(Math.max(...gradients.map(({ cosine }) => 1 - cosine))),
  ];
}

const rows: (string | number)[][] = [];
for (const name of networkNames) rows.push(await row(loadNetwork(name)));
writePart('table', markdownTable(COLUMNS, rows));
