import { relative } from 'node:path';
import type { Dataset, Sample } from '../../data/index.ts';
import { sharedSamples } from '../../data/node/index.ts';
import { type InputFormat, nounOf } from '../../session/index.ts';
import type { JobHooks } from './events.ts';

/** Pairs in a message. */
const SHOWN = 2;

/** Reports validation and test samples that are also training samples, before training. @param root the data set's folder */
export async function noticeShared(
  dataset: Dataset,
  { root, format }: { readonly root: string; readonly format: InputFormat },
  { onEvent, signal }: JobHooks,
): Promise<void> {
  if (!onEvent) return;
  const shared = await sharedSamples(dataset, signal);
  if (shared.length === 0) return;
  const noun = nounOf(format);
  const count = (split: 'val' | 'test') => shared.filter((one) => one.split === split).length;
  const counts = [
    ...(count('val') ? [`${count('val')} of ${dataset.val.length} validation ${noun}s`] : []),
    ...(count('test') ? [`${count('test')} of ${dataset.test.length} test ${noun}s`] : []),
  ];
  const contradictions = shared.filter(({ sample, train }) => sample.label !== train.label).length;
  const labels = contradictions ? ` (${contradictions} with another label)` : '';
  const name = ({ file }: Sample) => relative(root, file) || file;
  const pairs = shared.slice(0, SHOWN).map(({ sample, train }) => `${name(sample)} = ${name(train)}`);
  const more = shared.length > SHOWN ? ', …' : '';
  onEvent({
    type: 'notice',
    message: `also training ${noun}s: ${counts.join(' and ')}${labels}. Their scores are too good: ${pairs.join(', ')}${more}`,
  });
}
