import { bytes, plural, sum } from '../format.ts';
import type { CardRun } from '../types.ts';
import type { FederationReport } from './types.ts';

/** The meaning of a row of a run. */
export const rowOf = ({ federation }: Pick<CardRun, 'federation'>): 'round' | 'epoch' =>
  federation ? 'round' : 'epoch';

/** `4 clients, on 196 images of their own` */
export const clientsText = ({ clients }: FederationReport, noun: string): string =>
  `${plural(clients.length, 'client')}, on ${plural(sum(clients.map(({ examples }) => examples)), noun)} of their own`;

/** Sentence about the shipped weights, for the model card. */
export const keptWeights = ({ federation, bestEpoch }: Pick<CardRun, 'federation' | 'bestEpoch'>): string =>
  federation
    ? `The weights are those of the last round, ${bestEpoch}. Clients sent only trainable parameters, ${bytes(sum(federation.up))} in total.`
    : `The weights are those of ${bestEpoch === null ? 'the start' : `epoch ${bestEpoch}`}, the best on the validation set.`;

/** The training data. @param samples of a training on one machine */
export const trainedBy = ({ federation }: Pick<CardRun, 'federation'>, samples: string): string =>
  federation ? `by ${clientsText(federation, 'sample')} (${federation.strategy})` : `on ${samples}`;

/** A limit of the validation scores, as a list item, if it applies. */
export const chosenBy = ({ federation }: Pick<CardRun, 'federation'>, tested: boolean): string =>
  federation
    ? ''
    : `- The validation set also selected the weights, so its scores are optimistic${tested ? '; those of the test set are not' : ''}.\n`;
