import { type InspectedMemory, type Inspection, megabytes } from '../../compiler/surgery/index.ts';
import type { ModelInspection } from '../../node/commands/inspect.ts';
import { planText } from './plan.ts';
import { tableLines } from './table.ts';

/** Columns of the labels. */
const LABEL = 13;

/** Where a line that is too wide continues. */
export const INSPECTION_INDENT = LABEL;

/** An inspection as plain text. */
export function inspectionTable(inspection: ModelInspection): string {
  const { groups, head, plan, batchNorm, parameters, trainable, memory, samples, kind } = inspection;
  const values = (label: string, all: Inspection['inputs']) =>
    all.map(({ name, type, shape }) => `${label} ${name}: ${type} [${shape.join(', ')}]`);
  const rows = groups.map(({ name, parameters, count }) => [name, String(parameters.length), grouped(count)]);
  return [
    ...values('input ', inspection.inputs),
    ...values('output', inspection.outputs),
    '',
    ...tableLines([['layer group', 'tensors', 'parameters'], ...rows], { rule: true }),
    '',
    ...(kind ? [`model        ${kind.name} (${kind.why}). ${kind.hint}`] : []),
    `parameters   ${grouped(parameters)} in ${groups.length} layer groups, from the input to the head`,
    head
      ? `head         ${head.nodes.join(' + ')}: ${head.features} features, ${head.classes} classes${head.tail.length ? `, then ${head.tail.join(', ')}` : ''}`
      : 'head         not found; name it with --head',
    `batch norm   ${BATCH_NORM[batchNorm]}`,
    ...(memory ? [memoryLine(memory, trainable)] : []),
    ...(plan.length ? [`plan         ${planText(plan)}`] : []),
    ...(plan.length && samples === undefined
      ? [
          '             with 30 images per class or more. Fewer images get up to 30 epochs:',
          '             thaw inspect MODEL DATA shows the plan for your data',
        ]
      : []),
    ...unsupportedLines(inspection),
    ...omittedLines(inspection),
    '',
  ].join('\n');
}

const memoryLine = ({ batch, head, all }: InspectedMemory, most: Inspection['trainable']): string =>
  `memory       about ${megabytes(head)} for the head${most === 'head' ? '' : `, ${megabytes(all)} for ${most === 'all' ? 'all layers' : most}`} (batch ${batch}), without cached features`;

const BATCH_NORM = {
  kept: 'kept in the graph, with frozen statistics',
  folded: 'folded into the convolutions',
  none: 'none',
};

function unsupportedLines({ unsupported, trainable }: Inspection): string[] {
  if (unsupported.length === 0) return ['operators    all supported'];
  const most = trainable ? `Thaw can train at most --trainable ${trainable}` : 'Thaw cannot train this model';
  return [
    `operators    Thaw has no gradient for these; ${most}:`,
    ...unsupported.map(({ operator, node, why }) => `             ${operator} ${node}: ${why}`),
  ];
}

function omittedLines({ omitted }: Inspection): string[] {
  if (omitted.length === 0) return [];
  const several = omitted.filter(({ count }) => count > 1);
  const single = omitted.length - several.length;
  return [
    'omitted      these tensors never train (see --json for all reasons):',
    ...several.map(({ name, count, reason }) => `             ${name} (${grouped(count)}): ${reason}`),
    ...(single ? [`             ${single} single number${single === 1 ? '' : 's'}`] : []),
  ];
}

const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');
