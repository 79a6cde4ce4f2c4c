import { metricOf } from '../../tasks/index.ts';
import { type LineChart, lineChart, type Series } from '../charts/line.ts';
import { linearScale, logScale } from '../charts/scale.ts';
import { bytes, count, decimal, measured, plural, sum } from '../format.ts';
import { type Html, html } from '../markup.ts';
import { folded, section } from '../sections/section.ts';
import { stageBands } from '../sections/training.ts';
import type { RunReport } from '../types.ts';
import type { FederationClient, FederationReport } from './types.ts';

/** CSS classes of clients with their own colour. */
const COLOURS = ['c0', 'c1', 'c2', 'c3', 'c4'] as const;
/** Number of list entries that are visible without unfolding. */
const SHOWN = 12;

/** One line per client: few clients have their own colours; many share one colour, under their mean. */
function lines(
  clients: readonly FederationClient[],
  values: (client: FederationClient) => readonly number[],
  mean: readonly number[],
): Series[] {
  if (clients.length <= COLOURS.length)
    return clients.map((client, i) => ({ name: client.name, look: COLOURS[i], values: values(client) }));
  const each = clients.map((client) => ({ name: client.name, look: 'faint' as const, values: values(client) }));
  return [...each, { name: 'mean', look: 'mean', values: mean }];
}

function charts(data: RunReport, { clients, metric, down, up }: FederationReport): LineChart[] {
  const { rows } = data;
  const common = { epochs: rows.map(({ epoch }) => epoch), unit: 'round', gap: 'nothing', bands: stageBands(data) };
  const format = (value: number) => measured(metric, value);
  const all = (values: (client: FederationClient) => readonly number[]) => clients.flatMap(values);
  const reached = ({ reached: values }: FederationClient) => values;
  const losses = ({ losses: values }: FederationClient) => values;
  // A stage with more layers can send a thousand times as much.
  const sizes = [...down, ...up].filter((size) => size > 0);
  const isWide = Math.max(...sizes) > 50 * Math.min(...sizes);
  const title = `${metric.title[0].toUpperCase()}${metric.title.slice(1)}`;
  return [
    {
      ...common,
      title: `${title}, by client`,
      description: `score of each round's state on each client's validation samples.`,
      series: lines(
        clients,
        reached,
        rows.map(({ val }) => metricOf(metric, val)),
      ),
      scale: linearScale(all(reached), metric.form === 'share' ? [1] : []),
      format,
      tick: (value) => format(value).replace('.0%', '%'),
    },
    {
      ...common,
      title: 'Training loss, by client',
      description: 'loss in the last epoch of each round.',
      series: lines(
        clients,
        losses,
        rows.map(({ train }) => train.loss),
      ),
      scale: linearScale(all(losses), all(losses).every((loss) => !(loss < 0)) ? [0] : []),
      format: decimal,
    },
    {
      ...common,
      title: 'Bytes, all clients',
      description: `${bytes(sum(down))} to the clients and ${bytes(sum(up))} from the clients, over all rounds.`,
      series: [
        { name: 'to clients', look: 'val', values: down },
        { name: 'from clients', look: 'train', values: up },
      ],
      scale: isWide ? logScale(sizes) : linearScale(sizes, [0]),
      format: bytes,
    },
  ];
}

/** A chart with one curve per client, bytes sent in each direction, and clients that were dropped. */
export function clients(data: RunReport): Html {
  const { federation, rows } = data;
  if (!federation) return html``;
  const { metric, strategy, dropped } = federation;
  const last = (values: readonly number[]) => values.findLast(Number.isFinite) ?? Number.NaN;
  const formatted = (value: number) => (Number.isFinite(value) ? measured(metric, value) : '–');
  const missed = (part: FederationReport['dropped']): Html =>
    html`<ul class="files">${part.map(({ round, client, why }) => html`<li>${round === null ? 'Last evaluation' : `Round ${round}`} without <b>${client}</b>: ${why}</li>`)}</ul>`;
  return section(
    'clients',
    'Clients',
    `Machines that trained on their own data. After every round, ${strategy} combined their states into one.`,
    html`<div class="charts">${charts(data, federation).map(lineChart)}</div>
<h3>Each client</h3><div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Client</th><th scope="col" class="number">Trained on</th><th scope="col" class="number">Rounds</th><th scope="col" class="number">Last ${metric.title}</th><th scope="col" class="number">Sent to it</th><th scope="col" class="number">Sent by it</th></tr></thead>
<tbody>${federation.clients.map(
      (client) =>
        html`<tr><th scope="row">${client.name}</th><td class="number">${count(client.examples)}</td><td class="number">${client.rounds} of ${rows.length}</td><td class="number">${formatted(last(client.reached))}</td><td class="number">${bytes(client.down)}</td><td class="number">${bytes(client.up)}</td></tr>`,
    )}</tbody>
<tfoot><tr><th scope="row">All</th><td class="number">${count(sum(federation.clients.map(({ examples }) => examples)))}</td><td class="number"></td><td class="number">${formatted(last(rows.map(({ val }) => metricOf(metric, val))))}</td><td class="number">${bytes(sum(federation.clients.map(({ down }) => down)))}</td><td class="number">${bytes(sum(federation.clients.map(({ up }) => up)))}</td></tr></tfoot></table></div>
${
  dropped.length > 0 &&
  html`<h3>Dropped ${plural(dropped.length, 'time')}</h3>${missed(dropped.slice(0, SHOWN))}
${dropped.length > SHOWN && folded(plural(dropped.length - SHOWN, 'more'), missed(dropped.slice(SHOWN)))}`
}`,
  );
}
