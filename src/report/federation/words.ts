import { bytes, plural, sum } from '../format.ts';
import type { CardRun } from '../types.ts';
import type { FederationReport } from './types.ts';

/** What a run's rows are. */
export const rowOf = ({ federation }: Pick<CardRun, 'federation'>): 'round' | 'epoch' =>
  federation ? 'round' : 'epoch';

/** `4 clients, on 196 images of their own`: who learned. */
export const learners = ({ clients }: FederationReport, noun: string): string =>
  `${plural(clients.length, 'client')}, on ${plural(sum(clients.map(({ examples }) => examples)), noun)} of their own`;

/** Which weights a model has, as its card says it. */
export const keptWeights = ({ federation, bestEpoch }: Pick<CardRun, 'federation' | 'bestEpoch'>): string =>
  federation
    ? `The weights are those of round ${bestEpoch}, the last. Of each client only trainable parameters left it, ${bytes(sum(federation.up))} of all together.`
    : `The weights kept are those of ${bestEpoch === null ? 'the start' : `epoch ${bestEpoch}`}, the best on the validation set.`;

/** What it was trained on. @param samples of a training on one machine */
export const trainedBy = ({ federation }: Pick<CardRun, 'federation'>, samples: string): string =>
  federation ? `by ${learners(federation, 'sample')} (${federation.strategy})` : `on ${samples}`;

/** A limit of what was measured: the line of a list, where there is one. */
export const chosenBy = ({ federation }: Pick<CardRun, 'federation'>, tested: boolean): string =>
  federation
    ? ''
    : `- The validation set also chose the weights kept, so its scores lean to the bright side${tested ? '; the test set did not' : ''}.\n`;
