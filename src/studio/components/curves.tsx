import { type Band, linearScale, lineChart, stageColour } from '../../report/charts/index.ts';
import { decimal, percent } from '../../report/format.ts';
import { epochsPlanned, plannedBands } from '../state/run.ts';
import type { Run } from '../state/types.ts';

/** A stage's selection of layers in as few words as a band has room for. */
const shortly = (train: string) => (train === 'head' ? 'last layer' : train.replace(/^last:/, 'last '));

/** Accuracy and loss as they come in, over all rounds that are planned. */
export function Curves({ run }: { readonly run: Run }) {
  const { rows } = run;
  const last = rows.at(-1);
  if (!last) return null;
  const planned = plannedBands(run);
  const ended = run.phase === 'done' || run.phase === 'interrupted';
  const done = rows.map(({ epoch }) => epoch);
  const ahead = ended ? 0 : epochsPlanned(run) - last.epoch;
  const epochs = [...done, ...Array.from({ length: ahead }, (_, i) => last.epoch + 1 + i)];
  const bands = planned.flatMap(({ train, from, to }, i): Band[] => {
    const places = [...epochs.keys()].filter((place) => epochs[place] > from && epochs[place] <= to + 1);
    return places.length
      ? [
          {
            from: places[0],
            to: places[places.length - 1],
            label: shortly(train),
            short: String(i + 1),
            colour: stageColour(i + 1, planned.length),
          },
        ]
      : [];
  });
  const common = { epochs, bands };
  const losses = rows.flatMap(({ train, val }) => [train.loss, val.loss]);
  const charts = [
    lineChart({
      ...common,
      title: 'Right answers',
      description: `${percent(last.val.accuracy)} of the images held back, ${percent(last.train.accuracy)} of those it learns from.`,
      series: [
        { name: 'learned from', look: 'train', values: rows.map(({ train }) => train.accuracy) },
        { name: 'held back', look: 'val', values: rows.map(({ val }) => val.accuracy) },
      ],
      scale: linearScale([0], [1]),
      format: percent,
      tick: (value) => percent(value, 0),
    }),
    lineChart({
      ...common,
      title: 'Error (loss)',
      description: `${decimal(last.val.loss)} on the images held back, ${decimal(last.train.loss)} on those it learns from.`,
      series: [
        { name: 'learned from', look: 'train', values: rows.map(({ train }) => train.loss) },
        { name: 'held back', look: 'val', values: rows.map(({ val }) => val.loss) },
      ],
      scale: linearScale(losses, [0]),
      format: decimal,
    }),
  ];
  return (
    <div class="charts">
      {charts.map(({ text }, i) => (
        // The charts' markup escapes whatever is put into it.
        <div key={i} dangerouslySetInnerHTML={{ __html: text }} />
      ))}
    </div>
  );
}
