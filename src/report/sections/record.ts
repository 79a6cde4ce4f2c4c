import { MOST_CLASSES } from '../charts/confusion.ts';
import { continuedText } from '../continued.ts';
import { bytes, count, duration, percent, plural, sum } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { DatasetSummary, ReportData, RunReport } from '../types.ts';
import { bar, folded, section } from './section.ts';

/** Number of list entries that are visible without unfolding. */
const SHOWN = 12;

/** Number of samples per class, and the skipped files. */
export function datasetSummary({ data: { path, noun, classes, counts, problems, summary } }: ReportData): Html {
  const splits = [
    ...(sum(counts.train) > 0 ? [{ name: 'Training', numbers: counts.train }] : []),
    { name: 'Validation', numbers: counts.val },
    ...(sum(counts.test) > 0 ? [{ name: 'Test', numbers: counts.test }] : []),
  ];
  const { numbers: shown, name: first } = splits[0];
  const largest = Math.max(1, ...shown);
  const order = classes.map((_, i) => i).sort((a, b) => (shown[b] ?? 0) - (shown[a] ?? 0));
  const table = (part: readonly number[], total: boolean): Html => html`<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Class</th>${splits.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col" class="wide"><span class="unseen">${first} ${noun}s as a bar</span></th></tr></thead>
<tbody>${part.map((i) => html`<tr><th scope="row">${classes[i]}</th>${splits.map(({ numbers }) => html`<td class="number">${count(numbers[i] ?? 0)}</td>`)}<td class="wide">${bar((shown[i] ?? 0) / largest, 'cold')}</td></tr>`)}</tbody>
${total && html`<tfoot><tr><th scope="row">All</th>${splits.map(({ numbers }) => html`<td class="number">${count(sum(numbers))}</td>`)}<td class="wide"></td></tr></tfoot>`}</table></div>`;
  const list = (part: typeof problems): Html =>
    html`<ul class="files">${part.map(({ file, reason }) => html`<li><code>${file}</code> ${reason}</li>`)}</ul>`;
  return section(
    'data',
    'Data',
    '',
    html`<p>Read from <code>${path}</code>.</p>
${table(order.slice(0, SHOWN), true)}
${
  order.length > MOST_CLASSES
    ? html`${folded(`The ${SHOWN} smallest classes`, table(order.slice(-SHOWN), false))}<p><small>All ${count(order.length)} classes are in the table of <a href="#classes">classes</a>.</small></p>`
    : order.length > SHOWN &&
      folded(plural(order.length - SHOWN, 'more class', 'more classes'), table(order.slice(SHOWN), false))
}
${summary && images(summary)}
${
  problems.length > 0 &&
  html`<h3>${plural(problems.length, 'file')} skipped</h3>${list(problems.slice(0, SHOWN))}
${problems.length > SHOWN && folded(`${plural(problems.length - SHOWN, 'more file')}`, list(problems.slice(SHOWN)))}`
}`,
  );
}

const KINDS = { same: 'the same', near: 'nearly the same', mirrored: 'the same, mirrored' } as const;

/** Image sizes and formats, and training images that are also in an evaluation split. */
function images({ looked, formats, sizes, bytes: size, duplicates }: DatasetSummary): Html {
  const pixels = ([width, height]: readonly [number, number]) => `${width} × ${height}`;
  const facts: readonly (readonly [string, string])[] = [
    ['Sizes', `${pixels(sizes.smallest)} to ${pixels(sizes.largest)}`],
    ['Median size', pixels(sizes.median)],
    ['Formats', formats.map(({ format, count: number }) => `${count(number)} ${format.toUpperCase()}`).join(', ')],
    ['Files', `${bytes(size)} in ${plural(looked, 'file')}`],
  ];
  const list = (part: NonNullable<DatasetSummary['duplicates']>): Html =>
    html`<ul class="files">${part.map(
      ({ kind, file, label, other, otherLabel, split }) =>
        html`<li><code>${other}</code> (${split === 'val' ? 'validation' : split}) is ${KINDS[kind]} as <code>${file}</code> (training)${label !== otherLabel && html`, but labelled <b>${otherLabel}</b> instead of <b>${label}</b>`}</li>`,
    )}</ul>`;
  return html`<h3>Images</h3>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${
  duplicates === null
    ? html`<p><small>Too many images to search for duplicates.</small></p>`
    : duplicates.length === 0
      ? html`<p>No training image has a duplicate or near-duplicate in the validation or test set.</p>`
      : html`<h3>${plural(duplicates.length, 'image')} in two splits</h3><p>Images in two splits make the scores too optimistic. Remove them from one of the splits.</p>${list(duplicates.slice(0, SHOWN))}
${duplicates.length > SHOWN && folded(plural(duplicates.length - SHOWN, 'more image'), list(duplicates.slice(SHOWN)))}`
}`;
}

/** The model's path, and commands to use it. */
export const nextSteps = ({ output }: Pick<ReportData, 'output'>): Html =>
  section(
    'next',
    'Next steps',
    '',
    html`<p>The finished model is in <code>${output.path}</code>.</p>
<dl class="commands">${output.commands.map(({ does, command }) => html`<div><dt>${does}</dt><dd><pre><code>${command}</code></pre></dd></div>`)}</dl>`,
  );

/** Everything needed to reproduce the run: model, machine, configuration. */
export function record(data: RunReport): Html {
  const { model, environment, config, seed, seconds, rows, times } = data;
  const share = (part: number) => `${duration(part)} (${percent(seconds ? part / seconds : 0, 0)})`;
  const epochs = sum(rows.map((row) => row.seconds));
  const facts: readonly (readonly [string, string])[] = [
    ['Model', model.name],
    ['Source', model.source],
    ['SHA-256', model.sha256],
    ['Parameters', count(model.parameters)],
    ['Operator set', String(model.opset)],
    ...(model.continued ? [['Head', continuedText(model.continued)] as const] : []),
    ['Thaw', environment.thaw],
    ['ONNX Runtime', environment.onnxruntime],
    ...(environment.node ? [['Node', environment.node] as const] : []),
    ...(environment.platform ? [['Platform', environment.platform] as const] : []),
    ...(environment.cpu ? [['Processor', environment.cpu] as const] : []),
    ['Device', environment.device],
    ...(environment.memory ? [['Memory', bytes(environment.memory)] as const] : []),
    ...(environment.peakMemory ? [['Peak memory', bytes(environment.peakMemory)] as const] : []),
    ...(environment.estimatedMemory
      ? [['Estimated memory of training', bytes(environment.estimatedMemory)] as const]
      : []),
    ['Threads', environment.threads === null ? 'default of the runtime' : String(environment.threads)],
    ...(seed === undefined ? [] : [['Seed', String(seed)] as const]),
  ];
  const spent: readonly (readonly [string, string])[] = times
    ? [
        ['Training steps', share(times.computed)],
        ['Waiting for data', share(times.waited)],
        ['Evaluating every epoch', share(Math.max(0, epochs - times.computed - times.waited))],
        ['Preparing, compiling, exporting', share(Math.max(0, seconds - epochs))],
      ]
    : [];
  return section(
    'record',
    'Record',
    'Everything needed to reproduce this run.',
    html`<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${spent.length > 0 && html`<h3>Time</h3><dl class="facts">${spent.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
<h3>Configuration</h3>
<pre class="config"><code>${config}</code></pre>`,
  );
}
