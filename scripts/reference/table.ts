/**
 * Writes the table in docs/networks.md: how far Thaw is from PyTorch for every network of test/fixtures/networks.
 *
 *     npx tsx scripts/reference/table.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { readModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { compareNetwork } from '../../test/compare-network.ts';
import { loadNetwork, networkNames, type ReferenceNetwork } from '../../test/reference.ts';

const PAGE = new URL('../../docs/networks.md', import.meta.url);
const COLUMNS = [
  'network',
  'export',
  'from',
  'operator set',
  'parameters',
  'loss off by',
  'worst relative error',
  'PyTorch float32',
  '1 − worst cosine',
];

/** What stands between these lines is written here. */
const [START, END] = ['<!-- table -->', '<!-- end of table -->'];

const scientific = (value: number): string => value.toExponential(1);

async function row(reference: ReferenceNetwork): Promise<string> {
  const comparisons = await compareNetwork(reference, nodeRuntime('cpu', { intraOpNumThreads: 1 }));
  const gradients = comparisons.flatMap((comparison) => comparison.gradients);
  const single = reference.runs.flatMap((run) => Object.values(run.gradients).map(({ float32 }) => float32));
  const { graph, opsets } = readModel(reference.model);
  const count = reference.parameters.reduce((all, name) => {
    return all + graph.initializers.get(name)!.shape.reduce((product, d) => product * d, 1);
  }, 0);
  const cells = [
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
  return `| ${cells.join(' | ')} |`;
}

const rows: string[] = [];
for (const name of networkNames) rows.push(await row(loadNetwork(name)));
const table = [`| ${COLUMNS.join(' | ')} |`, `|${' --- |'.repeat(COLUMNS.length)}`, ...rows].join('\n');
const page = readFileSync(PAGE, 'utf8');
const [before, after] = [page.split(START)[0], page.split(END)[1]];
writeFileSync(PAGE, `${before}${START}\n${table}\n${END}${after}`);
